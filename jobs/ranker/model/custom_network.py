"""The dense part of the ranker: the one that comes with the project, or a class of the user's own.

An own class stands in a file of the user's and is named in the scenario as ``ranker.network``. It
takes vectors, not ids, as ``DeepCrossNetwork`` does, so that item vectors can be swapped.
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
from jobs.scenarios import RankerOptions, Scenario
from jobs.scenarios.custom_code import load_class

_TRIED_ROWS = 3


class RankerNetwork(Protocol):
    """What a network of the user's own must be, besides a ``torch.nn.Module``.

    It is trained by Adam and is stored by its parameters and buffers. A class attribute
    ``embedding_slots: tuple[str, ...]`` may name the fields that ``slot: auto`` chooses from;
    without it, these are all. An attribute ``head``, the ``torch.nn.Linear`` that gives the logit,
    lets probe mode read what goes into it.
    """

    def __init__(self, fields: int, item_field: int, options: RankerOptions) -> None:
        """Draw initial weights; torch is seeded with ``options.seed`` around the call.

        fields: how many fields a row has. item_field: which of them is the candidate item.
        """

    def forward(self, fields: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
        """Return logits, shape (rows,).

        fields: (rows, fields, dim). history: (rows, clicks, dim), newest first. clicked: bool,
        (rows, clicks), False for the padding of a history; a row may have no click at all.
        """
        ...


def new_network(fields: int, item_field: int, options: RankerOptions) -> nn.Module:
    """The scenario's network with its initial weights, which follow from ``options.seed``.

    Raises:
        InputError: the user's own class cannot be loaded, or is not what ``RankerNetwork`` says.
    """
    if options.network is None:
        return DeepCrossNetwork(fields, item_field, options)
    own = _own_class(options.network)
    with seeded(options.seed):
        try:
            network: nn.Module = own(fields, item_field, options)
        # The user's code may fail in any way; whichever it was, the one line names the class.
        except Exception as error:
            raise _refused(options.network, f"cannot be made: {_one_line(error)}") from error
        _try_out(network, fields, options)
    _check_parameters(network, options.network)
    return network


def leakable_slots(scenario: Scenario) -> tuple[str, ...]:
    """The embedding slots that ``slot: auto`` chooses from.

    Raises:
        InputError: the user's own class names others than the ranker's fields, or none.
    """
    reference = scenario.ranker.network
    if reference is None:
        return scenario.fields
    slots = getattr(_own_class(reference), "embedding_slots", scenario.fields)
    if not isinstance(slots, tuple) or not slots or not set(slots) <= set(scenario.fields):
        known = ", ".join(scenario.fields)
        raise _refused(reference, f"embedding_slots is {slots!r}, must be a tuple out of {known}")
    return slots


def is_own(options: RankerOptions) -> bool:
    """Whether the ranker's network is a class of the user's own."""
    return options.network is not None


@contextmanager
def seeded(*seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Torch's random numbers follow from the seed in the block, and go on as before after it.

    Dropout draws from them, so a day that is trained again drops the same units.
    """
    start = int(np.random.SeedSequence(seed).generate_state(1)[0])
    on_gpu = device is not None and device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(start)
        if on_gpu:
            torch.cuda.manual_seed(start)
        yield


def _own_class(reference: str) -> type[nn.Module]:
    own = load_class(reference)
    if not issubclass(own, nn.Module):
        raise _refused(reference, "is no torch.nn.Module: derive it from that")
    if own.forward is nn.Module.forward:
        raise _refused(reference, "has no method forward(fields, history, clicked)")
    return own


def _try_out(network: nn.Module, fields: int, options: RankerOptions) -> None:
    """Score three random rows, one of them without a click, before any day is trained."""
    assert options.network is not None
    dim, clicks = options.embedding_dim, options.history_length
    clicked = torch.ones(_TRIED_ROWS, clicks, dtype=torch.bool)
    clicked[0] = False
    vectors = torch.randn(_TRIED_ROWS, fields, dim, requires_grad=True)
    history = torch.randn(_TRIED_ROWS, clicks, dim) * clicked[:, :, None]
    network.eval()
    try:
        logits = network(vectors, history, clicked)
    except Exception as error:
        raise _refused(options.network, f"forward fails: {_one_line(error)}") from error
    if not isinstance(logits, Tensor) or logits.shape != (_TRIED_ROWS,):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise _refused(
            options.network, f"forward gives {found} for {_TRIED_ROWS} rows, must be logits (rows,)"
        )
    if not logits.isfinite().all():
        raise _refused(
            options.network, "forward gives logits that are not finite; one row has no click"
        )
    if not logits.requires_grad:
        raise _refused(options.network, "forward passes no gradient to the embeddings")


def _check_parameters(network: nn.Module, reference: str) -> None:
    kinds = {parameter.dtype for parameter in network.parameters()}
    if kinds != {torch.float32}:
        found = ", ".join(sorted(map(str, kinds))) or "none"
        raise _refused(reference, f"has parameters of type {found}, must have some of float32")


def _refused(reference: str, what: str) -> InputError:
    return InputError(f"ranker.network {reference} {what}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
