"""Messages to whoever is on call: what failed, which run is late, which verdict has changed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from airflow.sdk import Context

from jobs.common.secrets import without_password

NOTIFY = "LIS_NOTIFY"
"""The variable with a command. It is started for each message, which it reads as JSON from its
standard input."""
_MOST_SECONDS = 60
_TIMED_OUT = "timed_out"
"""What Airflow gives as the reason for the end of a run that took too long."""

log = logging.getLogger(__name__)


class Event(StrEnum):
    """What a message is about."""

    FAILURE = "failure"
    LATE = "late"
    VERDICT_CHANGE = "verdict change"


@dataclass(frozen=True)
class Message:
    """What the command is given.

    Attributes:
        task: Id of the task; empty if the message is about a run.
        text: One line.
    """

    event: Event
    dag: str
    run: str
    text: str
    task: str = ""


def notifies() -> bool:
    """Whether there is a command to start."""
    return bool(os.environ.get(NOTIFY, "").strip())


def send(message: Message) -> None:
    """Start the command of ``LIS_NOTIFY``, if there is one. That it fails is logged, no more."""
    if not notifies():
        return
    content = json.dumps({**asdict(message), "text": _line(message.text)})
    try:
        subprocess.run(
            shlex.split(os.environ[NOTIFY]),
            input=f"{content}\n",
            text=True,
            capture_output=True,
            timeout=_MOST_SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.warning("the command of %s has not taken %s: %s", NOTIFY, content, error)


def task_failed(context: Context) -> None:
    """Say that a task has failed for good."""
    ti: Any = context["ti"]
    text = str(context.get("exception") or "the process of the task ended without a word")
    send(Message(Event.FAILURE, ti.dag_id, ti.run_id, text, ti.task_id))


def run_timed_out(context: Context) -> None:
    """Say that a run was ended because it took too long; other failures are those of a task."""
    if context.get("reason") == _TIMED_OUT:
        hours = context["dag"].dagrun_timeout
        text = f"the run was ended after {hours}"
        send(Message(Event.FAILURE, context["dag"].dag_id, context["run_id"], text))


async def run_late(context: Mapping[str, Any]) -> None:
    """Say that a run goes on though its deadline has passed; called by Airflow's triggerer."""
    run = context["dag_run"]
    text = f"the run was due by {context['deadline']['deadline_time']} and goes on"
    message = Message(Event.LATE, run["dag_id"], run["dag_run_id"], text)
    await asyncio.to_thread(send, message)


def _line(text: str) -> str:
    return " ".join(without_password(text).split())
