"""Runs a command of ``lis`` and kills it at a point of a publication, as a failure of power would.

    python -m tests.faults.killed_command POINT NUMBER lis-arguments…

The process of the command dies by SIGKILL at its NUMBER-th publication; what it has started dies
with it, or the test finds out.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from jobs.cli.main import main
from jobs.lake.attempt import MANIFEST, Attempt
from jobs.lake.storage import Storage


class Point(StrEnum):
    """Where a publication is cut off."""

    BEFORE = "before"
    """All files are written, and none has its place."""
    DURING = "during"
    """Files have their place, and the manifest does not name them yet."""
    AFTER = "after"
    """The manifest is replaced, and former files and the claim are still there."""


def kill_at(point: Point, number: int) -> None:
    """Let this process die at a publication.

    Args:
        point: The point within the publication.
        number: Which one of this process, from 1.
    """
    begun, replaced = Counted(number), Counted(number)
    publish: Callable[..., Any] = Attempt.publish
    replace: Callable[..., Any] = Storage.replace

    def publishing(attempt: Attempt, *arguments: Any, **options: Any) -> Any:
        if point == Point.BEFORE and begun.is_now():
            die()
        return publish(attempt, *arguments, **options)

    def replacing(storage: Storage, path: str, *arguments: Any, **options: Any) -> None:
        is_now = path.endswith(MANIFEST) and replaced.is_now()
        if is_now and point == Point.DURING:
            die()
        replace(storage, path, *arguments, **options)
        if is_now and point == Point.AFTER:
            die()

    Attempt.publish = publishing  # type: ignore[method-assign]
    Storage.replace = replacing  # type: ignore[method-assign]


class Counted:
    """Says when something happens for the n-th time."""

    def __init__(self, number: int) -> None:
        self._left = number

    def is_now(self) -> bool:
        """Count, and return whether this was the one."""
        self._left -= 1
        return self._left == 0


def die() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _, at, count, *command = sys.argv
    kill_at(Point(at), int(count))
    sys.exit(main(command))
