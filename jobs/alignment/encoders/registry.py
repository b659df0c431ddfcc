"""The content encoders by name: making, storing and loading them.

A module of ``jobs.alignment.encoders.kinds`` is an encoder of the same name; its class is
``ENCODER`` there. A stored encoder is a flat folder: its weights as safetensors, its settings as
JSON, and the files of a tokenizer or picture processor, which are JSON too. Weights of a pretrained
model that alignment leaves as they are would make each encoder gigabytes large. They are not
stored: the settings have their SHA-256, and an encoder whose model has changed does not load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.alignment.encoders import kinds
from jobs.alignment.encoders.pictures import Pictures
from jobs.common.errors import InputError
from jobs.scenarios import Scenario

if TYPE_CHECKING:
    from jobs.alignment.encoders.encoder import ContentEncoder

WEIGHTS = "encoder.safetensors"
DESCRIPTION = "encoder.json"


def encoder_names() -> tuple[str, ...]:
    """Names of all encoders, sorted. Loads none of them."""
    return tuple(sorted(module.name for module in iter_modules(kinds.__path__)))


def encoder_module(name: str) -> str:
    """Dotted name of an encoder's module, for ``code_digest``.

    Raises:
        InputError: If there is no encoder of that name; the message has the nearest, and all.
    """
    names = encoder_names()
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown encoder {name!r}: {hint}available: {', '.join(names)}")
    return f"{kinds.__name__}.{name}"


def new_encoder(scenario: Scenario, sample: pa.Table, raw: str | None = None) -> ContentEncoder:
    """Make the scenario's encoder, which has not been aligned, on the CPU.

    Equal options and samples give equal weights.

    Args:
        scenario: Names the encoder and its model; ``alignment.training.seed`` seeds its weights.
        sample: Rows of ``jobs.lake.schemas.items``, which tell such as the length of vectors.
        raw: Path or URI that pictures lie below (default: that of the scenario's log).

    Raises:
        InputError: If there is no such encoder, its model cannot be used, or the extra that it
            needs is not installed.
    """
    options = scenario.alignment.encoder
    with _seeded(scenario.alignment.training.seed):
        return _encoder_class(options.name).new(options, sample, Pictures.of(scenario, raw))


def save_encoder(encoder: ContentEncoder, folder: Path) -> None:
    """Write an encoder to an empty folder, which is made if needed. Equal encoders, equal bytes."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        # A weight that a module shares with another is stored for both.
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in encoder.state_dict().items()
        if name not in encoder.pretrained
    }
    save_file(weights, folder / WEIGHTS)
    encoder.save_files(folder)
    name = type(encoder).__module__.rpartition(".")[2]
    description = {"name": name, "width": encoder.width, "settings": encoder.settings()}
    content = json.dumps(description, indent=1, sort_keys=True) + "\n"
    (folder / DESCRIPTION).write_text(content, encoding="utf-8")


def load_encoder(folder: Path, scenario: Scenario, raw: str | None = None) -> ContentEncoder:
    """Load an encoder that ``save_encoder`` has written, on the CPU.

    Args:
        folder: The folder.
        scenario: Says where the pretrained model and the pictures lie.
        raw: As for ``new_encoder``.

    Raises:
        InputError: If a file of it is missing, its pretrained model is not the one that it was
            made from, or the extra that it needs is not installed.
    """
    from safetensors.torch import load_file

    for file in (DESCRIPTION, WEIGHTS):
        if not (folder / file).is_file():
            raise InputError(f"{folder} is no stored encoder: it has no {file}; align it again")
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    options = scenario.alignment.encoder
    with _seeded(scenario.alignment.training.seed):
        encoder = _encoder_class(description["name"]).restore(
            description["settings"], folder, options, Pictures.of(scenario, raw)
        )
    loaded = load_file(folder / WEIGHTS)
    found = encoder.load_state_dict(loaded, strict=False)
    absent = set(found.missing_keys) - encoder.pretrained
    if found.unexpected_keys or absent:
        name = sorted({*found.unexpected_keys, *absent})[0]
        raise InputError(
            f"{folder / WEIGHTS} does not belong to the encoder of {DESCRIPTION}: weight {name} is "
            "in only one of them; align it again"
        )
    return encoder


def _encoder_class(name: str) -> type[ContentEncoder]:
    found: type[ContentEncoder] = import_module(encoder_module(name)).ENCODER
    return found


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Inside the block torch draws from this seed; after it, as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
