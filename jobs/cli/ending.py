"""How an error ends a command: its exit code, and one line that says what to do."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from errno import EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS
from pathlib import Path

from jobs.cli.replaced_file import replaced_file
from jobs.common.disk_full import full_folder, is_disk_full, unwritten_file
from jobs.common.errors import (
    AuditError,
    DamagedFile,
    FencedOut,
    InputError,
    ServiceUnavailable,
    is_connection_error,
    one_line,
)
from jobs.common.outcome import ExitCode
from jobs.common.paths import data_folder
from jobs.common.secrets import without_password
from jobs.scenarios import load_scenario
from jobs.scenarios.hints import lis_command

_OF_A_PATH = (EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS)
"""Errors of a path that cannot be used, as opposed to those of a disk or of the project."""
_NO_RIGHT = (EACCES, EPERM, EROFS)


_TEMPORARY_NAMES = ("tmp", "lis-", "spark-", "blockmgr-")
"""How names of temporary files and folders begin: Python's, the project's and Spark's."""


@dataclass(frozen=True)
class Ending:
    """The exit code of a command, and the line that it prints to standard error."""

    code: ExitCode
    line: str


def ending_of(error: Exception, scenario: str | None) -> Ending | None:
    """How an error ends a command; None for an error of the project, which has a traceback.

    Args:
        error: What the command raised.
        scenario: What its user has written after ``--scenario``, if anything.
    """
    if is_disk_full(error):
        return Ending(ExitCode.UNAVAILABLE, f"error: {one_line(_no_room(error, scenario))}")
    if file := replaced_file(error):
        text = f"{file} was replaced or removed while it was read; run the same command again"
        return Ending(ExitCode.UNAVAILABLE, f"error: {one_line(text)}")
    if isinstance(error, AuditError | FencedOut):
        line = f"stopped, nothing published: {without_password(str(error))}"
        return Ending(ExitCode.FAILED, line)
    if not isinstance(error, InputError | ServiceUnavailable | OSError):
        return None
    error = _explained(error)
    if is_connection_error(error):
        line = f"error: {one_line(error)}; run the same command again when it answers"
        return Ending(ExitCode.UNAVAILABLE, line)
    if isinstance(error, OSError):
        if error.errno not in _OF_A_PATH:
            return None
        error = _of_a_path(error)
    if isinstance(error, DamagedFile) and scenario:
        error = error.named_as(scenario)
    return Ending(ExitCode.BAD_INPUT, f"error: {one_line(error)}")


def _no_room(error: Exception, scenario: str | None) -> str:
    """What is full, and how to make room there."""
    lake, temporary = os.environ.get("LIS_LAKE") or str(data_folder() / "lake"), _temporary()
    place = unwritten_file(error) or full_folder([lake, *temporary, str(data_folder())])
    if place is None:
        return (
            "no space left on a disk: free some where LIS_LAKE, LIS_DATA, TMPDIR and "
            "SPARK_LOCAL_DIRS lie, and run the same command again"
        )
    ways = ["free some of its disk"]
    if Path(place).is_relative_to(lake) and scenario:
        janitor = lis_command("janitor", load_scenario(scenario))
        ways = [f"{ways[0]} ({janitor} says what need not be kept)"]
    elif any(_is_temporary(Path(place), Path(one)) for one in temporary):
        ways.append("let TMPDIR and SPARK_LOCAL_DIRS name a folder with more")
    return f"no space left for {place}: {' or '.join(ways)}, and run the same command again"


def _temporary() -> list[str]:
    """The folders for temporary files: Python's, and those of Spark."""
    spark = os.environ.get("SPARK_LOCAL_DIRS") or "/tmp"
    return [os.environ.get("TMPDIR") or tempfile.gettempdir(), *spark.split(",")]


def _is_temporary(place: Path, folder: Path) -> bool:
    """Whether a path is a folder for temporary files, or one of those in it: a lake may be too."""
    below = place.relative_to(folder).parts if place.is_relative_to(folder) else None
    return below is not None and (not below or below[0].startswith(_TEMPORARY_NAMES))


def _of_a_path(error: OSError) -> InputError:
    """An error of a path without ``[Errno 36]``, and with the way out if it may not be used."""
    text = str(error).partition("] ")[2] or str(error)
    if error.errno in _NO_RIGHT:
        text += (
            ": give the user of this command the right to it, or choose another place (LIS_LAKE is "
            "that of the lake)"
        )
    return InputError(text)


def _explained(error: Exception) -> Exception:
    """An error of an object store in the form of the project's own: Arrow reads in many places."""
    from jobs.lake.object_store.store_errors import explain

    return (explain(error) if isinstance(error, OSError) else None) or error
