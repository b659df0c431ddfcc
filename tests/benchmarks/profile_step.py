"""Where the time of our trainer goes: the share of each part of a day, and the matrix limit."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from jobs.lake import Lake
from jobs.ranker.model.device import uses_bf16
from jobs.ranker.training.train_day import train_day
from tests.benchmarks.log import FIRST_DAY, scenario_of
from tests.benchmarks.ours import ranker_with_vocabulary

PARTS = {
    "matrix products": ("aten::addmm", "aten::mm"),
    "deduplication": ("aten::_unique2", "aten::sort"),
    "gather and scatter of vectors": (
        "aten::index",
        "aten::index_put_",
        "aten::_index_put_impl_",
        "aten::index_select",
        "aten::scatter_add_",
    ),
    "cross products, activations, sums": (
        "aten::mul",
        "aten::add",
        "aten::add_",
        "aten::clamp_min",
        "aten::threshold_backward",
        "aten::sum",
        "aten::cat",
        "aten::copy_",
    ),
    "Adam": ("aten::lerp_", "aten::addcmul_", "aten::addcdiv_", "aten::mul_", "aten::sqrt"),
}


@dataclass(frozen=True)
class StepProfile:
    """milliseconds: a step of 4096 rows, by part. limit: of its products at peak rate."""

    milliseconds: dict[str, float]
    limit: float
    gflops: float


def profiled(folder: Path, vocabulary: int) -> StepProfile:
    """Profile the log's first day, of which one pass before has warmed everything."""
    lake, scenario = Lake(str(folder / "lake")), scenario_of()
    ranker = ranker_with_vocabulary(scenario, vocabulary)
    train_day(ranker, lake, scenario, FIRST_DAY)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        wall = time.perf_counter()
        rows = train_day(ranker, lake, scenario, FIRST_DAY)
        wall = time.perf_counter() - wall
    steps = -(-rows // scenario.ranker.batch_size)
    self_times = {
        event.key: event.self_cpu_time_total / 1000 / steps for event in found.key_averages()
    }
    parts = {name: sum(self_times.get(key, 0) for key in keys) for name, keys in PARTS.items()}
    parts["reading, where it is waited for, and the rest"] = wall * 1000 / steps - sum(
        parts.values()
    )
    flops = 6 * rows / steps * sum(p.numel() for p in ranker.network.parameters() if p.ndim == 2)
    bf16 = uses_bf16(scenario.ranker.precision, ranker.device)
    peak = gflops(torch.bfloat16 if bf16 else torch.float32)
    return StepProfile(parts, flops / peak / 1e6, peak)


def gflops(kind: torch.dtype) -> float:
    """Best of a few rates at which this machine multiplies matrices of the network's sizes."""
    left, right = torch.randn(4096, 160).to(kind), torch.randn(160, 256).to(kind)
    best = 0.0
    for _ in range(30):
        start = time.perf_counter()
        left @ right
        best = max(best, 2 * 4096 * 160 * 256 / (time.perf_counter() - start) / 1e9)
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vocabulary", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.stdout.write(f"\n{json.dumps(asdict(profiled(options.folder, options.vocabulary)))}\n")


if __name__ == "__main__":
    main()
