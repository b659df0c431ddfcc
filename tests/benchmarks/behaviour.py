"""Histories, similar items and next clicks in local Spark, beside DuckDB on the same files.

Run as ``python -m tests.benchmarks.behaviour [--rows N] [--rounds N]``, over logs of a sixteenth, a
quarter and all of the rows. Every job runs in a process of its own. Before any is timed, both have
to agree on a small log.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

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
from tests.benchmarks.measure import OUR_PYTHON, PEER_PYTHON, RESULTS, JobRun

PARTS = (16, 4, 1)
MOST_SLOPE, MOST_RATIO = 1.05, 2.5
ALL = "all three"


@dataclass(frozen=True)
class Pair:
    """Runs of one job over one log: ours and the peer's, in turns."""

    rows: int
    job: str
    ours: Sequence[JobRun]
    theirs: Sequence[JobRun]


@dataclass(frozen=True)
class Bound:
    """A figure, and the most that is aimed at."""

    what: str
    value: float
    most: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.most


@dataclass(frozen=True)
class Report:
    """All of one run. machine: what it ran on, in words."""

    machine: str
    pairs: Sequence[Pair]

    @property
    def bounds(self) -> list[Bound]:
        """Growth of our time without the start, and our time with it to the peer's."""
        sizes = sorted({pair.rows for pair in self.pairs})
        slopes = [
            Bound(
                f"log-log slope of our time without the start, {job}",
                _slope({rows: self._total(rows, job, _our_work) for rows in sizes}),
                MOST_SLOPE,
            )
            for job in (*JOBS, ALL)
        ]
        ratios = [
            Bound(
                f"ours to DuckDB, {sizes[-1]:,} rows, {job}",
                self._total(sizes[-1], job, _ours) / self._total(sizes[-1], job, _theirs),
                MOST_RATIO,
            )
            for job in (*JOBS, ALL)
        ]
        return [*slopes, *ratios]

    def _total(self, rows: int, job: str, seconds: Callable[[Pair], float]) -> float:
        chosen = [pair for pair in self.pairs if pair.rows == rows and job in (pair.job, ALL)]
        return sum(map(seconds, chosen))

    def write(self, folder: Path) -> None:
        """``behaviour.md`` and ``behaviour.json`` in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "behaviour.md").write_text(self.markdown(), encoding="utf-8")
        plain = {
            "machine": self.machine,
            "pairs": [asdict(pair) for pair in self.pairs],
            "targets": [{**asdict(bound), "met": bound.is_met} for bound in self.bounds],
        }
        (folder / "behaviour.json").write_text(json.dumps(plain, indent=2) + "\n")

    def markdown(self) -> str:
        first, loads = self.pairs[0], [run.load for pair in self.pairs for run in _runs(pair)]
        heads = ("rows", "job", "ours, s", "of it start, s", "DuckDB, s", "ratio")
        lines = [
            "# Behaviour jobs beside DuckDB",
            "",
            f"`python -m tests.benchmarks.behaviour`, {self.machine}; {first.ours[0].engine}, "
            f"{first.theirs[0].engine}; medians of {len(first.ours)} round(s) in turns, every run "
            f"in a process of its own; load before them {min(loads):.1f} to {max(loads):.1f}.",
            "",
            "Both read the same Parquet files and write sorted Parquet. Ours also writes the "
            "clicks from which the next day goes on, and audits and publishes what it wrote. "
            "Start: the JVM and a first trivial job. Peaks: of the JVM, and of DuckDB's process.",
            "",
            f"| {' | '.join(heads)} | ours, peak MiB | DuckDB, peak MiB |",
            "|---" * (len(heads) + 2) + "|",
            *map(_row, self.pairs),
            "",
            "| target | measured | at most | met |",
            "|---|---|---|---|",
            *(
                f"| {bound.what} | {bound.value:.2f} | {bound.most:g} "
                f"| {'yes' if bound.is_met else 'no'} |"
                for bound in self.bounds
            ),
        ]
        return "\n".join(lines) + "\n"


def measured(rows: int, rounds: int, folder: Path) -> Report:
    """Check that both agree, then run both over logs of three sizes.

    Raises:
        ArithmeticError: they disagree.
    """
    small = folder / "small"
    write_feed(Lake(str(small / "lake")), SMALL_FEED)
    for job in JOBS:
        _run_ours(small, job)
        _run_theirs(small, job)
    check_agreement(small)
    pairs = [pair for part in PARTS for pair in _measured_log(rows // part, rounds, folder)]
    return Report(measure.machine(), pairs)


def _measured_log(rows: int, rounds: int, folder: Path) -> list[Pair]:
    log = folder / str(rows)
    write_feed(Lake(str(log / "lake")), FeedOptions(rows))
    found: dict[str, tuple[list[JobRun], list[JobRun]]] = {job: ([], []) for job in JOBS}
    for _ in range(rounds):
        for made in ("lake/history", "lake/recent_clicks", "lake/features", "duckdb"):
            shutil.rmtree(log / made, ignore_errors=True)
        for job in JOBS:
            ours, theirs = _run_ours(log, job), _run_theirs(log, job)
            # Of similar items, hashes of users decide; they differ.
            if job in (HISTORY, NEXT_CLICK) and ours.rows != theirs.rows:
                raise ArithmeticError(f"{job}: {ours.rows} rows, DuckDB's {theirs.rows}")
            found[job][0].append(ours)
            found[job][1].append(theirs)
    shutil.rmtree(log)
    return [Pair(rows, job, *runs) for job, runs in found.items()]


def _run_ours(log: Path, job: str) -> JobRun:
    return JobRun(**measure.result(OUR_PYTHON, "spark_jobs", str(log), job))


def _run_theirs(log: Path, job: str) -> JobRun:
    given = ["--as-of", str(AS_OF), "--horizon", str(HORIZON), "--lookback", str(LOOKBACK_DAYS)]
    return JobRun(**measure.result(PEER_PYTHON, "duckdb_peer", str(log), job, *given))


def _slope(seconds: Mapping[int, float]) -> float:
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def _runs(pair: Pair) -> list[JobRun]:
    return [*pair.ours, *pair.theirs]


def _ours(pair: Pair) -> float:
    return median(run.seconds for run in pair.ours)


def _our_work(pair: Pair) -> float:
    return median(run.work_seconds for run in pair.ours)


def _theirs(pair: Pair) -> float:
    return median(run.seconds for run in pair.theirs)


def _row(pair: Pair) -> str:
    figures = (
        f"{pair.rows:,}",
        pair.job,
        f"{_ours(pair):.1f}",
        f"{median(run.start_seconds for run in pair.ours):.1f}",
        f"{_theirs(pair):.1f}",
        f"{_ours(pair) / _theirs(pair):.2f}",
        f"{median(run.peak_mib for run in pair.ours):,.0f}",
        f"{median(run.peak_mib for run in pair.theirs):,.0f}",
    )
    return f"| {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the largest log")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    if not PEER_PYTHON.exists():
        parser.error("DuckDB is not installed: run scripts/bench_setup.sh")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        report = measured(options.rows, options.rounds, Path(folder))
    report.write(RESULTS)
    sys.stdout.write(report.markdown())


if __name__ == "__main__":
    main()
