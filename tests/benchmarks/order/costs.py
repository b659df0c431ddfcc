"""What commands cost, kept in a file so that a second run does not measure no work."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """The cost of a command and of all processes that it starts.

    Attributes:
        seconds: By the clock.
        core_seconds: Time of processors, which other work on the machine adds little to.
        gigabytes: Of the largest process.
    """

    seconds: float
    core_seconds: float
    gigabytes: float


class Costs:
    """Costs of finished commands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, Cost] = {}
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.found = {name: Cost(**cost) for name, cost in stored.items()}
        # Spark's processes outlive the command that started them, and would be counted by no one.
        if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError("this kernel does not let a process wait for its grandchildren")

    def run(self, name: str, arguments: Sequence[str]) -> None:
        """Run a command of the project, unless it has been run to its end before."""
        if name in self.found:
            return
        sys.stderr.write(f"{name}: lis {shlex.join(arguments)}\n")
        started = time.monotonic()
        process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "jobs", *arguments])
        code, core_seconds, kilobytes = 0, 0.0, 0
        while True:
            try:
                ended, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            core_seconds += usage.ru_utime + usage.ru_stime
            kilobytes = max(kilobytes, usage.ru_maxrss)
            if ended == process:
                code = os.waitstatus_to_exitcode(status)
        if code:
            raise SystemExit(code)
        self.found[name] = Cost(time.monotonic() - started, core_seconds, kilobytes / 1e6)
        plain = {one: vars(cost) for one, cost in self.found.items()}
        self._path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
