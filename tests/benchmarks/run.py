"""Measures the trainer, alone or beside its peers: ``python -m tests.benchmarks.run train``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tests.benchmarks import measure
from tests.benchmarks.log import LogOptions, write_log
from tests.benchmarks.measure import OUR_PYTHON, PEER_PYTHON, PROJECT, RESULTS, Measurement
from tests.benchmarks.profile_step import StepProfile
from tests.benchmarks.report import Contestant, Figure, Report, Target, middle

SMALL, LARGE = 367_000, 3_670_000
OURS, TORCHREC, FUXICTR, RECHUB = "ours", "TorchRec", "FuxiCTR", "Torch-RecHub"
GROWTH = 16


@dataclass(frozen=True)
class Suite:
    """What is run. rows: of the measured day. fewer_rows: of which slow peers get so many.

    short_day: rows of a day where memory is measured on a log of 2 days and one of 32.
    """

    rows: int
    rounds: int
    peers: bool
    threads: int
    short_day: int = 32_768
    fewer_rows: int = 40_960

    @property
    def name(self) -> str:
        return "train" if self.peers else "train-quick"


def measured(suite: Suite, folder: Path) -> Report:
    """Write the logs, run everyone in turn for some rounds, and compare."""
    logs = {vocabulary: folder / str(vocabulary) for vocabulary in (SMALL, LARGE)}
    for vocabulary, log in logs.items():
        log.mkdir()
        write_log(log, LogOptions(rows=(131_072, suite.rows), vocabulary=vocabulary))
    names = (OURS, TORCHREC, FUXICTR, RECHUB) if suite.peers else (OURS,)
    field = [Contestant(name, vocabulary) for name in names for vocabulary in logs]
    runs: dict[Contestant, list[Measurement]] = {who: [] for who in field}
    for seed in range(suite.rounds):
        for who in field:
            runs[who].append(_run(who, logs[who.vocabulary], suite, seed))
    growth = _memory_growth(suite, folder)
    profiles = {vocabulary: _profile(log, vocabulary) for vocabulary, log in logs.items()}
    machine = f"{measure.machine()}, {suite.threads} torch thread(s) for everyone."
    return Report(machine, runs, _targets(runs, suite, growth), profiles)


def _run(who: Contestant, log: Path, suite: Suite, seed: int = 0) -> Measurement:
    given = [str(log), "--vocabulary", str(who.vocabulary), "--threads", str(suite.threads)]
    given += ["--seed", str(seed)]
    if who.name == OURS:
        return measure.run(OUR_PYTHON, "ours", *given)
    if who.name == TORCHREC:
        return measure.run(PEER_PYTHON, "torchrec_peer", *given)
    module = {FUXICTR: "fuxictr_peer", RECHUB: "rechub_peer"}[who.name]
    return measure.run(PEER_PYTHON, module, *given, "--rows", str(suite.fewer_rows))


def _memory_growth(suite: Suite, folder: Path) -> float:
    """Peak memory on a log of few days by that on one of sixteen times as many."""
    peaks = []
    for days in (2, 2 * GROWTH):
        log = folder / f"{days}_days"
        log.mkdir()
        write_log(log, LogOptions(rows=(suite.short_day,) * days, vocabulary=SMALL))
        peaks.append(_run(Contestant(OURS, SMALL), log, suite).peak_mib)
    return peaks[0] / peaks[1]


def _targets(
    runs: dict[Contestant, list[Measurement]], suite: Suite, growth: float
) -> list[Target]:
    def ratio(of: Contestant, to: Contestant, what: Figure = Measurement.cpu_speed) -> float:
        return middle(runs[of], what) / middle(runs[to], what)

    ours, ours_large = Contestant(OURS, SMALL), Contestant(OURS, LARGE)
    targets = [
        Target("ours at 3.67M ids to 367k, rows per CPU second", ratio(ours_large, ours), 0.9),
        Target(f"peak memory to that on a log {GROWTH} times as long", growth, 0.9),
    ]
    if suite.peers:
        for mine in (ours, ours_large):
            peer = Contestant(TORCHREC, mine.vocabulary)
            ids = f"{mine.vocabulary:,} ids"
            gain = fmean(_auc(a) - _auc(b) for a, b in zip(runs[mine], runs[peer], strict=True))
            targets += [
                Target(f"ours to TorchRec, {ids}, rows/s", ratio(mine, peer, Measurement.speed), 3),
                Target(f"ours to TorchRec, {ids}, rows per CPU second", ratio(mine, peer), 3),
                Target(f"AUC of ours less TorchRec's, {ids}, mean over seeds", gain, -0.0005),
            ]
        slow = ratio(ours_large, Contestant(FUXICTR, LARGE), Measurement.speed)
        targets.append(Target("ours to FuxiCTR, 3,670,000 ids, rows/s", slow, 28))
    return targets


def _auc(one: Measurement) -> float:
    return one.auc


def _profile(log: Path, vocabulary: int) -> StepProfile:
    ended = subprocess.run(
        [OUR_PYTHON, "-m", "tests.benchmarks.profile_step", log, "--vocabulary", str(vocabulary)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return StepProfile(**json.loads(ended.stdout.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["train"])
    parser.add_argument("--quick", action="store_true", help="a smaller log, without peers")
    parser.add_argument("--rows", type=int, help="of the measured day")
    parser.add_argument("--rounds", type=int, help="1 with --quick, else 3")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="of torch, for everyone (all cores)"
    )
    options = parser.parse_args()
    suite = Suite(
        rows=options.rows or (200_000 if options.quick else 500_000),
        rounds=options.rounds or (1 if options.quick else 3),
        peers=not options.quick,
        threads=options.threads,
    )
    if suite.peers and not PEER_PYTHON.exists():
        parser.error("the peers are not installed: run scripts/bench_setup.sh")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        report = measured(suite, Path(folder))
    report.write(RESULTS, suite.name)
    sys.stdout.write(report.markdown())


if __name__ == "__main__":
    main()
