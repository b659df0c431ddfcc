"""Where and how exactly the ranker computes: processor, precision, determinism."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import torch

Precision = Literal["auto", "fp32", "bf16"]


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def uses_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether dense layers multiply in bf16: where asked to, or where the hardware does it fast."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def training_precision(
    precision: Precision, device: torch.device
) -> AbstractContextManager[object]:
    """Autocast for training. Scores are always computed in fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=uses_bf16(precision, device))


@contextmanager
def deterministic() -> Iterator[None]:
    """Only kernels that give the same bits on every run, for the length of the block."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    filling: Any = torch.utils.deterministic
    fills = filling.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Every new tensor would be filled before it is written: an eighth of the time of a step.
    filling.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        filling.fill_uninitialized_memory = fills


@contextmanager
def one_thread(alone: bool) -> Iterator[None]:
    """A single thread for the length of the block, where ``alone``: small products are not shared.

    On two cores that other work wanted as well, rankers of 25 thousand weights trained ten times
    slower on two threads than on one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if alone else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
