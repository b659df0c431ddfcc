"""Processes that live no longer than their task, and what their exit codes mean to Airflow."""

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
BAD_INPUT = 2
_SPARK_LOG = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")


def tied_to_task() -> dict[str, Any]:
    """Options of ``subprocess.Popen``: a process group of its own that dies with this process.

    The group lets a task that is killed politely take every descendant with it; the tie holds
    where the task has no time left to do so.
    """
    return {"start_new_session": True, "preexec_fn": partial(die_with_parent, os.getpid())}


def end_group(process: subprocess.Popen[str] | None) -> None:
    """Kill a process started with ``tied_to_task``, and its group. Nothing half-written is seen:
    the lake publishes by replacing one manifest."""
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """What a job needs in its environment, on top of the task's."""
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = [str(PROJECT), *(part for part in inherited if part and part != str(PROJECT))]
    return {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def last_said(lines: Iterable[str]) -> str:
    """The last line that a job printed, leaving out Spark's own log."""
    spoken = [line.strip() for line in lines if line.strip() and not _SPARK_LOG.match(line)]
    return spoken[-1] if spoken else "the job gave no reason"
