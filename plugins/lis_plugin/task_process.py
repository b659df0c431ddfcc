"""Processes of a task: they end with it, and their last line says why they failed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from jobs.common.parent_process import die_with_parent

PROJECT = Path(__file__).resolve().parents[2]
_SPARK_LOG = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")


def tied_to_task() -> dict[str, Any]:
    """Options of ``subprocess.Popen``: a new process group that dies with this process.

    A task that is terminated ends the whole group, so that no descendant stays behind. The tie
    does the same for a task that is killed outright.
    """
    return {"start_new_session": True, "preexec_fn": partial(die_with_parent, os.getpid())}


def end_group(process: subprocess.Popen[str] | None) -> None:
    """Kill a process started with ``tied_to_task``, and its group.

    Readers never see a half-written table: the lake publishes by replacing one manifest.
    """
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Variables that a job needs beside those of the task."""
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = [str(PROJECT), *(part for part in inherited if part and part != str(PROJECT))]
    return {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def last_message(lines: Iterable[str]) -> str:
    """The last line that a job printed, not counting Spark's log."""
    messages = [line.strip() for line in lines if line.strip() and not _SPARK_LOG.match(line)]
    return messages[-1] if messages else "the job gave no reason"
