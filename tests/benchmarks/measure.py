"""One contestant's run, measured in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.ranker import OPENMP_WAITING

PROJECT = Path(__file__).resolve().parents[2]
OUR_PYTHON = Path(sys.executable)
PEER_PYTHON = PROJECT / ".venv-bench/bin/python"
RESULTS = PROJECT / "docs/benchmarks"


@dataclass(frozen=True)
class Measurement:
    """What a contestant did with the log's last day.

    rows: that trained. seconds, cpu_seconds: for these, reading included. auc: on held-out rows.
    peak_mib: most memory that the process ever held. load: runnable processes beside it, as the
    machine's one-minute average before it started.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    auc: float
    peak_mib: float
    load: float

    def speed(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    def cpu_speed(self) -> float:
        """Rows a CPU second."""
        return self.rows / self.cpu_seconds


@dataclass(frozen=True)
class JobRun:
    """What a contestant took for one job over a log.

    rows: that it wrote. peak_mib: most memory that the engine's process had held by its end.
    """

    rows: int
    seconds: float
    peak_mib: float


@dataclass(frozen=True)
class EngineRun:
    """What an engine took for several jobs, one after another in one process.

    start_seconds: until it had answered a first trivial question. load: as of ``Measurement``.
    """

    engine: str
    start_seconds: float
    jobs: dict[str, JobRun]
    load: float = 0.0

    @property
    def work_seconds(self) -> float:
        """Without the start."""
        return sum(run.seconds for run in self.jobs.values())

    @property
    def seconds(self) -> float:
        return self.start_seconds + self.work_seconds


def contestant() -> argparse.ArgumentParser:
    """The options of everyone who trains. Only slow ones are given ``--rows``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vocabulary", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, help="train on the first rows of the day alone")
    return parser


def timed(train: Callable[[], int]) -> tuple[int, float, float]:
    """Rows that it trains, wall seconds, and CPU seconds of all threads and finished processes."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    rows = train()
    return rows, time.perf_counter() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def report(rows: int, seconds: float, cpu_seconds: float, auc: float) -> None:
    """Hand over what a contestant did with the log's last day."""
    hand_over(Measurement(rows, seconds, cpu_seconds, auc, peak_mib(), os.getloadavg()[0]))


def hand_over(found: Measurement | EngineRun) -> None:
    """Hand the result to the process that waits for it, as the last line of output."""
    sys.stdout.write(f"\n{json.dumps(asdict(found))}\n")


def peak_mib(process: str = "self") -> float:
    """Most memory that a process, by its number, or this one has held so far."""
    # getrusage would count what the process that started this one held, too.
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    return int(peak) / 1024


def machine() -> str:
    """What it runs on, in words."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if os.name == "posix" else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
    return f"{cpu}, {os.cpu_count()} cores"


def run(python: Path, module: str, *arguments: str) -> Measurement:
    """As ``result``, of a contestant that trains."""
    return Measurement(**result(python, module, *arguments))


def result(python: Path, module: str, *arguments: str) -> dict[str, Any]:
    """Start a contestant as ``python -m module`` and wait for its result.

    Threads that wait sleep, for everyone: where other work wants the cores too, waiting in a loop
    made steps several times slower, for everyone.

    Raises RuntimeError when it fails; the message is the end of what it wrote.
    """
    load = os.getloadavg()[0]
    ended = subprocess.run(
        [str(python), "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=PROJECT,
        env={**OPENMP_WAITING, **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed: {ended.stderr[-1500:]}")
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    return {**found, "load": load}
