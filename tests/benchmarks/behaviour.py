"""Histories, similar items and next clicks in local Spark, beside DuckDB on the same files.

Run as ``python -m tests.benchmarks.behaviour [--rows N] [--rounds N]``, over logs of a sixteenth, a
quarter and all of the rows. Before anything is timed, both have to agree on a small log.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from jobs.lake import Lake
from tests.benchmarks import measure
from tests.benchmarks.agreement import SMALL_FEED, check_agreement
from tests.benchmarks.feed import (
    AS_OF,
    HISTORY,
    HORIZON,
    JOBS,
    LOOKBACK_DAYS,
    NEXT_CLICK,
    FeedOptions,
    write_feed,
)
from tests.benchmarks.measure import OUR_PYTHON, PEER_PYTHON, EngineRun, JobRun
from tests.benchmarks.page import Page

PARTS = (16, 4, 1)
ROWS, MOST_SLOPE, MOST_RATIO = 20_000_000, 1.05, 2.5
ALL = "all three"


@dataclass(frozen=True)
class Pair:
    """Runs over one log: ours and the peer's, in turns."""

    rows: int
    ours: Sequence[EngineRun]
    theirs: Sequence[EngineRun]


@dataclass(frozen=True)
class Bound:
    """A figure, and the most that is aimed at."""

    what: str
    value: float
    most: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.most


def bounds(pairs: Sequence[Pair]) -> list[Bound]:
    """Growth of our time without the start, and our time with it to the peer's."""
    largest = pairs[-1]
    slopes = [
        Bound(
            f"log-log slope of our time without the start, {job}",
            _slope({pair.rows: _work(pair.ours, job) for pair in pairs}),
            MOST_SLOPE,
        )
        for job in (*JOBS, ALL)
    ]
    ratio = _total(largest.ours) / _total(largest.theirs)
    return [*slopes, Bound(f"ours to DuckDB, {largest.rows:,} rows, start too", ratio, MOST_RATIO)]


def table(pairs: Sequence[Pair]) -> str:
    """Every job over every log, the growth of each, and what was aimed at, in Markdown."""
    heads = ("rows", "job", "ours, s", "DuckDB, s", "ratio", "ours, peak MiB", "DuckDB, peak MiB")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for pair in pairs:
        starts = [median(run.start_seconds for run in runs) for runs in (pair.ours, pair.theirs)]
        lines.append(f"| {pair.rows:,} | start | {starts[0]:.1f} | {starts[1]:.1f} | | | |")
        lines += [_row(pair, job) for job in JOBS]
        lines.append(_times(pair.rows, "all, start too", _total(pair.ours), _total(pair.theirs)))
    lines += ["", "| s a million rows more | ours | DuckDB |", "|---|---|---|"]
    for job in (*JOBS, ALL):
        growth = [
            (_work(of(pairs[-1]), job) - _work(of(pairs[-2]), job))
            / ((pairs[-1].rows - pairs[-2].rows) / 1e6)
            for of in (lambda pair: pair.ours, lambda pair: pair.theirs)
        ]
        lines.append(f"| {job} | {growth[0]:.2f} | {growth[1]:.2f} |")
    lines += ["", "| target | measured | at most | met |", "|---|---|---|---|"]
    lines += [
        f"| {bound.what} | {bound.value:.2f} | {bound.most:g} | {'yes' if bound.is_met else 'no'} |"
        for bound in bounds(pairs)
    ]
    return "\n".join(lines)


def measured(rows: int, rounds: int, folder: Path) -> list[Pair]:
    """Check that both agree, then run both over logs of three sizes, the largest last.

    Raises:
        ArithmeticError: they disagree.
    """
    small = folder / "small"
    write_feed(Lake(str(small / "lake")), SMALL_FEED)
    _run_ours(small)
    _run_theirs(small)
    check_agreement(small)
    return [_measured_log(rows // part, rounds, folder) for part in PARTS]


def _measured_log(rows: int, rounds: int, folder: Path) -> Pair:
    log = folder / str(rows)
    write_feed(Lake(str(log / "lake")), FeedOptions(rows))
    pair = Pair(rows, [], [])
    for _ in range(rounds):
        for made in ("lake/history", "lake/recent_clicks", "lake/features", "duckdb"):
            shutil.rmtree(log / made, ignore_errors=True)
        ours, theirs = _run_ours(log), _run_theirs(log)
        # Of similar items, hashes of users decide; they differ.
        for job in (HISTORY, NEXT_CLICK):
            if ours.jobs[job].rows != theirs.jobs[job].rows:
                raise ArithmeticError(f"{job}: {ours.jobs[job]}, DuckDB's {theirs.jobs[job]}")
        pair = Pair(rows, [*pair.ours, ours], [*pair.theirs, theirs])
    shutil.rmtree(log)
    return pair


def _run_ours(log: Path) -> EngineRun:
    return _read(measure.result(OUR_PYTHON, "spark_jobs", str(log)))


def _run_theirs(log: Path) -> EngineRun:
    given = ["--as-of", str(AS_OF), "--horizon", str(HORIZON), "--lookback", str(LOOKBACK_DAYS)]
    return _read(measure.result(PEER_PYTHON, "duckdb_peer", str(log), *given))


def _read(found: dict[str, Any]) -> EngineRun:
    jobs = {job: JobRun(**run) for job, run in found["jobs"].items()}
    return EngineRun(**{**found, "jobs": jobs})


def _slope(seconds: Mapping[int, float]) -> float:
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def _work(runs: Sequence[EngineRun], job: str) -> float:
    return median(run.work_seconds if job == ALL else run.jobs[job].seconds for run in runs)


def _total(runs: Sequence[EngineRun]) -> float:
    return median(run.seconds for run in runs)


def _row(pair: Pair, job: str) -> str:
    peaks = [
        f"{median(run.jobs[job].peak_mib for run in runs):,.0f}"
        for runs in (pair.ours, pair.theirs)
    ]
    return _times(pair.rows, job, _work(pair.ours, job), _work(pair.theirs, job), *peaks)


def _times(rows: int, what: str, ours: float, theirs: float, *peaks: str) -> str:
    figures = (f"{rows:,}", what, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.1f}")
    return f"| {' | '.join((*figures, *(peaks or ('', ''))))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the largest log")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    if not PEER_PYTHON.exists():
        parser.error("DuckDB is not installed: run scripts/bench_setup.sh")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        pairs = measured(options.rows, options.rounds, Path(folder))
    page = Page(
        "behaviour",
        "Behaviour jobs beside DuckDB",
        f"{pairs[0].ours[0].engine}, {pairs[0].theirs[0].engine}; medians of {options.rounds} "
        "round(s) in turns. Each ran the jobs one after another in one process, over the same "
        "Parquet files, and wrote sorted Parquet. On a small log, all rows of both were compared "
        "first.",
        table(pairs),
        "Ours also writes the clicks from which the next day goes on, and audits and publishes "
        "what it wrote. On small logs the start of the JVM and its first plans, compiled code and "
        "Python workers are most of our time; the seconds a million rows more are what is left on "
        "large ones. Spark is here for logs that no single machine holds. Peaks: of the JVM and of "
        "DuckDB's process, from their start on.",
        {
            "pairs": [asdict(pair) for pair in pairs],
            "targets": [{**asdict(bound), "met": bound.is_met} for bound in bounds(pairs)],
        },
        load,
    )
    page.publish(kept=options.rows == ROWS)


if __name__ == "__main__":
    main()
