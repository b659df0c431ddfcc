"""Where and how precisely the ranker computes: device, precision, determinism, threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import torch

from jobs.common.errors import InputError

SMALL_STEP = 200_000_000
"""Weights times rows of a training step below which a second thread costs more than it saves."""

Precision = Literal["auto", "fp32", "bf16"]


def default_device() -> torch.device:
    """The device to compute on: ``$LIS_DEVICE``, else the GPU if there is one.

    Raises:
        InputError: If it is neither ``cpu`` nor ``cuda`` nor ``auto``, or is a GPU that is absent.
    """
    asked = os.environ.get("LIS_DEVICE") or "auto"
    if asked not in ("auto", "cpu", "cuda"):
        raise InputError(f"LIS_DEVICE is {asked!r}: set it to cpu, cuda or auto")
    if asked == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "LIS_DEVICE asks for a GPU (cuda), and torch finds none: see that nvidia-smi lists one "
            "and that torch is its CUDA build, or set LIS_DEVICE=cpu"
        )
    has_gpu = asked != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if has_gpu else "cpu")


def uses_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether dense layers compute in bf16: if so configured, or if the hardware does it fast."""
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
    """Inside the block, use only kernels that give the same bits on every run."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic
    fills_memory = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Filling every new tensor before it is written would take an eighth of a training step.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = fills_memory


@contextmanager
def single_thread(enabled: bool) -> Iterator[None]:
    """Inside the block, compute on a single thread if enabled: small products do not gain by more.

    On two cores shared with other work, rankers of 25 thousand weights trained ten times slower on
    two threads than on one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if enabled else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
