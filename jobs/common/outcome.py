"""How a command says how it ended: to a shell, and to the operator that runs it as a task."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

MLFLOW_URL = "mlflow_url"
"""Name of the XCom, and of the line that a stage prints."""
_VERDICT_CHANGE = "verdict_change"


class ExitCode(IntEnum):
    """How a command ended.

    ``BAD_INPUT`` means that the same command cannot succeed: a retry is pointless. ``UNAVAILABLE``
    means that a service did not answer or a disk had no room: the same command succeeds once that
    has passed. The number is ``EX_TEMPFAIL`` of ``sysexits.h``.
    """

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    UNAVAILABLE = 75
    INTERRUPTED = 130


def mlflow_line(url: str) -> str:
    """The line that a stage prints to announce the MLflow run that it has logged."""
    return f"{MLFLOW_URL}={url}"


def announced_url(lines: Iterable[str]) -> str:
    """The address in the last ``mlflow_line`` among a stage's output; empty if there is none."""
    return (_announced(MLFLOW_URL, lines) or [""])[-1]


def verdict_change_line(change: object) -> str:
    """The line that a stage prints to announce that a verdict has changed."""
    return f"{_VERDICT_CHANGE}={change}"


def announced_changes(lines: Iterable[str]) -> list[str]:
    """What the ``verdict_change_line``s among a stage's output say."""
    return _announced(_VERDICT_CHANGE, lines)


def _announced(name: str, lines: Iterable[str]) -> list[str]:
    prefix = f"{name}="
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
