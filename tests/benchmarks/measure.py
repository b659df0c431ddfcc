"""One contestant's run, measured in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


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


def timed(train: Callable[[], int]) -> tuple[int, float, float]:
    """Rows that it trains, wall seconds, and CPU seconds of all threads and finished processes."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    rows = train()
    return rows, time.perf_counter() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def report(rows: int, seconds: float, cpu_seconds: float, auc: float) -> None:
    """Hand the result to the process that waits for it, as the last line of output."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = Measurement(rows, seconds, cpu_seconds, auc, peak, os.getloadavg()[0])
    sys.stdout.write(f"\n{json.dumps(asdict(found))}\n")


def run(python: Path, module: str, *arguments: str) -> Measurement:
    """Start a contestant as ``python -m module`` and wait for its result.

    Threads that wait sleep, for everyone: where other work wants the cores too, waiting in a loop
    made steps several times slower, for everyone.

    Raises RuntimeError when it fails; the message is the end of what it wrote.
    """
    load = os.getloadavg()[0]
    ended = subprocess.run(
        [str(python), "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=PROJECT,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed: {ended.stderr[-1500:]}")
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    return Measurement(**{**found, "load": load})
