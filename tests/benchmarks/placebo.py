"""How often placebo intervals miss 0, over all stored results of single days.

``python -m tests.benchmarks.placebo SCENARIO --lake URI``, after many days were scored in probe or
retrain mode. A shuffled leak should gain nothing, so about one interval in twenty may miss 0. The
days of a small log are a hard case: towers are fitted to few rows. The exit status is 1 if more
miss 0 than the error rate allows at a one-sided level of 1 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from scipy.stats import binom

from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_results
from jobs.evaluation.verdict.decision import Verdict
from jobs.lake import Lake

ERROR_RATE = 0.05
LEVEL = 0.01


def misses_zero(result: LisResult) -> bool:
    """Whether the placebo's interval excludes 0."""
    return bool(result.placebo_ci_low > 0 or result.placebo_ci_high < 0)


def has_placebo(result: LisResult) -> bool:
    """Whether a single day has a placebo, and enough users for an interval to hold."""
    return (
        not result.is_pooled
        and not math.isnan(result.placebo_ci_low)
        and result.verdict != Verdict.TOO_LITTLE_DATA
    )


def table(results: Sequence[LisResult]) -> str:
    """Return a Markdown table with a row for each mode and kind, and one for all of them."""
    groups: dict[str, list[LisResult]] = {}
    for result in results:
        groups.setdefault(f"{result.mode}, {result.preference}", []).append(result)
    lines = ["| mode, kind | intervals | miss 0 | share | mean placebo |", "|---|---|---|---|---|"]
    for name, group in [*sorted(groups.items()), ("all", list(results))]:
        missed = sum(map(misses_zero, group))
        mean = math.fsum(result.placebo for result in group) / len(group)
        lines.append(
            f"| {name} | {len(group)} | {missed} | {missed / len(group):.1%} | {mean:+.5f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", help="name of the scenario")
    parser.add_argument("--lake", required=True, help="URI of the lake")
    options = parser.parse_args()
    found = list(filter(has_placebo, read_results(Lake(options.lake), options.scenario)))
    if not found:
        parser.error(f"{options.lake} has no single day of {options.scenario} with a placebo")
    sys.stdout.write(f"{table(found)}\n")
    missed = sum(map(misses_zero, found))
    sys.exit(int(binom.sf(missed - 1, len(found), ERROR_RATE) < LEVEL))


if __name__ == "__main__":
    main()
