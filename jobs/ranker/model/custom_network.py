"""The dense part of the ranker: the built-in ``DeepCrossNetwork``, or a custom class.

A custom class is supplied by the user in a Python file that the scenario names as
``ranker.network``. Like ``DeepCrossNetwork`` it takes vectors, not ids, so that item vectors can be
swapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from jobs.common.errors import InputError
from jobs.ranker.model.dcn import DeepCrossNetwork
from jobs.ranker.model.wide_and_deep import WideAndDeep
from jobs.scenarios import RankerOptions, Scenario
from jobs.scenarios.custom_code import load_class

_DRY_RUN_ROWS = 3


class RankerNetwork(Protocol):
    """Interface of a custom network, which must also be a ``torch.nn.Module``.

    It is trained by AdamW and stored by its parameters and buffers. A class attribute
    ``embedding_slots: tuple[str, ...]`` may restrict the fields that ``slot: auto`` chooses from.
    If an attribute ``head`` is the ``torch.nn.Linear`` that computes the logit, probe mode uses the
    input of that layer as the last hidden layer.
    """

    def __init__(self, fields: int, item_field: int, options: RankerOptions) -> None:
        """Draw initial weights; torch is seeded with ``options.seed`` around the call.

        Args:
            fields: Number of fields per row.
            item_field: Index of the candidate item among the fields.
            options: The scenario's ranker options.
        """

    def forward(self, fields: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
        """Compute click logits.

        Args:
            fields: Embeddings of the fields, (rows, fields, dim).
            history: Embeddings of clicked items, newest first, (rows, clicks, dim).
            clicked: bool, (rows, clicks); False where a history is padded. A row may have no click.

        Returns:
            Logits, (rows,).
        """
        ...


def new_network(
    fields: int, item_field: int, options: RankerOptions, statistics: int = 0
) -> WideAndDeep:
    """Create the scenario's network with initial weights drawn from ``options.seed``.

    Args:
        fields: Number of fields per row.
        item_field: Index of the candidate item among the fields.
        options: The scenario's ranker options.
        statistics: Number of statistics per row. The wide part beside a custom network reads them.

    Raises:
        InputError: If a custom class cannot be loaded or does not conform to ``RankerNetwork``.
    """
    if options.network is None:
        deep = DeepCrossNetwork(fields, item_field, options, statistics)
        return WideAndDeep(deep, statistics, deep_reads_statistics=True)
    custom = _custom_class(options.network)
    with seeded(options.seed):
        try:
            network: nn.Module = custom(fields, item_field, options)
        # User code may raise anything; in every case the error is one line that names the class.
        except Exception as error:
            problem = f"cannot be constructed: {_one_line(error)}"
            raise _network_error(options.network, problem) from error
        _dry_run(network, fields, options)
    _check_parameters(network, options.network)
    return WideAndDeep(network, statistics, deep_reads_statistics=False)


def leakable_slots(scenario: Scenario) -> tuple[str, ...]:
    """Return the embedding slots that ``slot: auto`` chooses from.

    Raises:
        InputError: If a custom class names no slot, or one that is not a field of the ranker.
    """
    reference = scenario.ranker.network
    if reference is None:
        return scenario.fields
    slots = getattr(_custom_class(reference), "embedding_slots", scenario.fields)
    if not isinstance(slots, tuple) or not slots or not set(slots) <= set(scenario.fields):
        choices = ", ".join(scenario.fields)
        problem = f"has embedding_slots {slots!r}: must be a tuple of names from {choices}"
        raise _network_error(reference, problem)
    return slots


@contextmanager
def seeded(*seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's random numbers inside the block and restore their state after it.

    Dropout draws from them, so training a day again drops the same units.
    """
    start = int(np.random.SeedSequence(seed).generate_state(1)[0])
    on_gpu = device is not None and device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(start)
        if on_gpu:
            torch.cuda.manual_seed(start)
        yield


def _custom_class(reference: str) -> type[nn.Module]:
    custom = load_class(reference)
    if not issubclass(custom, nn.Module):
        raise _network_error(reference, "is not a torch.nn.Module: derive the class from it")
    if custom.forward is nn.Module.forward:
        raise _network_error(reference, "has no method forward(fields, history, clicked): add it")
    return custom


def _dry_run(network: nn.Module, fields: int, options: RankerOptions) -> None:
    """Score a few random rows, one of them without a click, before any day is trained.

    Raises:
        InputError: If ``forward`` fails, or its result is not finite logits with a gradient.
    """
    assert options.network is not None
    dim, clicks = options.embedding_dim, options.history_length
    clicked = torch.ones(_DRY_RUN_ROWS, clicks, dtype=torch.bool)
    clicked[0] = False
    vectors = torch.randn(_DRY_RUN_ROWS, fields, dim, requires_grad=True)
    history = torch.randn(_DRY_RUN_ROWS, clicks, dim) * clicked[:, :, None]
    network.eval()
    try:
        logits = network(vectors, history, clicked)
    except Exception as error:
        raise _network_error(options.network, f"forward fails: {_one_line(error)}") from error
    if not isinstance(logits, Tensor) or logits.shape != (_DRY_RUN_ROWS,):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        problem = f"forward returns {found} for {_DRY_RUN_ROWS} rows: must be logits (rows,)"
        raise _network_error(options.network, problem)
    if not logits.isfinite().all():
        problem = "forward returns logits that are not finite (one test row has no click)"
        raise _network_error(options.network, problem)
    if not logits.requires_grad:
        raise _network_error(options.network, "forward passes no gradient to the embeddings")


def _check_parameters(network: nn.Module, reference: str) -> None:
    kinds = {parameter.dtype for parameter in network.parameters()}
    if kinds != {torch.float32}:
        found = ", ".join(sorted(map(str, kinds))) or "none"
        problem = f"has parameters of type {found}: must have parameters, all of torch.float32"
        raise _network_error(reference, problem)


def _network_error(reference: str, problem: str) -> InputError:
    return InputError(f"ranker.network {reference} {problem}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
