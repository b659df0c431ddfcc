"""How far probe mode says what retrain mode says, and what each of them costs.

Run as ``python -m tests.benchmarks.probe_and_retrain SCENARIO FIRST LAST`` on a lake where both
modes have scored these days. Each kind of preference data and horizon is one pair of pooled scores.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.stats import spearmanr

from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_results, requested_results
from jobs.lake import Lake
from jobs.scenarios import load_scenario

MODES = ("probe", "retrain")


@dataclass(frozen=True)
class Pair:
    """The same leak in both modes."""

    probe: LisResult
    retrain: LisResult

    @property
    def difference(self) -> float:
        return self.probe.lis - self.retrain.lis

    @property
    def overlap(self) -> bool:
        """Whether the intervals have a value in common."""
        low = max(self.probe.lis_ci_low, self.retrain.lis_ci_low)
        return low <= min(self.probe.lis_ci_high, self.retrain.lis_ci_high)


def pairs_of(results: Sequence[LisResult]) -> list[Pair]:
    """Pooled scores that both modes have, in the order of kinds and horizons."""
    found: dict[tuple[str, int], dict[str, LisResult]] = {}
    for result in results:
        if result.is_pooled and result.mode in MODES:
            found.setdefault((result.preference, result.horizon), {})[result.mode] = result
    both = {leak: modes for leak, modes in sorted(found.items()) if len(modes) == len(MODES)}
    return [Pair(modes["probe"], modes["retrain"]) for modes in both.values()]


def table(pairs: Sequence[Pair]) -> str:
    """Agreement and cost in Markdown."""
    differences = np.array([pair.difference for pair in pairs])
    order = spearmanr(
        [pair.probe.lis for pair in pairs], [pair.retrain.lis for pair in pairs]
    ).statistic

    def mean(figure: Callable[[LisResult], float]) -> str:
        by_mode = [[figure(getattr(pair, mode)) for pair in pairs] for mode in MODES]
        return " | ".join(
            "none" if np.isnan(values).all() else f"{np.mean(values):.4g}" for values in by_mode
        )

    same = sum(pair.probe.verdict == pair.retrain.verdict for pair in pairs)
    overlapping = sum(pair.overlap for pair in pairs)
    return "\n".join(
        [
            f"| {len(pairs)} kinds by horizons | probe | retrain |",
            "|---|---|---|",
            f"| LIS, mean | {mean(lambda one: one.lis)} |",
            f"| half its interval, mean | {mean(_half)} |",
            f"| spread of LIS over seeds, mean | {mean(lambda one: one.seed_sd)} |",
            f"| distance of the placebo from 0, mean | {mean(lambda one: abs(one.placebo))} |",
            f"| seconds a kind and horizon, mean | {mean(lambda one: one.seconds)} |",
            "",
            f"Probe less retrain: {differences.mean():+.5f} in the mean, "
            f"{math.sqrt((differences**2).mean()):.5f} as root of the mean square. "
            f"Rank correlation of the scores {order:.2f}. Same verdict {same} of {len(pairs)}; "
            f"intervals that overlap {overlapping} of {len(pairs)}.",
        ]
    )


def _half(result: LisResult) -> float:
    return (result.lis_ci_high - result.lis_ci_low) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("first", type=date.fromisoformat)
    parser.add_argument("last", type=date.fromisoformat)
    options = parser.parse_args()
    scenario = load_scenario(options.scenario)
    days = [
        options.first + timedelta(days=at) for at in range((options.last - options.first).days + 1)
    ]
    stored = read_results(Lake.from_environment(), scenario.name, days[0], days[-1])
    try:
        pairs = pairs_of(requested_results(stored, scenario, days))
    except InputError as error:
        parser.error(str(error))
    if not pairs:
        parser.error("no kind of preference data is scored in both modes on these days")
    sys.stdout.write(table(pairs) + "\n")


if __name__ == "__main__":
    main()
