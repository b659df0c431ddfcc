"""Errors of a disk without room, from whichever library or process they come."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO

_FULL = (ENOSPC, EDQUOT)
# Java and Spark's Python workers give an error as a text, which may name the file.
_AS_TEXT = re.compile(r"(?:No space left on device|Disk quota exceeded)(?:: '([^'\n]+)')?")
# Arrow gives no name apart from its message.
_QUOTED = re.compile(r"'(/[^'\n]+)'")

_NO_ROOM = 1 << 20
"""Bytes that are too few to work with."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, comes from a disk without room."""
    return any(_is_full(cause) for cause in _causes(error))


def unwritten_file(error: BaseException) -> str | None:
    """The file for which a disk had no room; None if the error does not name it."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _FULL:
            if cause.filename is not None:
                return str(cause.filename)
            if found := _QUOTED.search(str(cause)):
                return found[1]
        elif (found := _AS_TEXT.search(str(cause))) and found[1]:
            return found[1]
    return None


def full_folder(folders: Sequence[str]) -> str | None:
    """The folder whose disk is full; None if none is, such as after files were removed again."""
    rooms = {one: shutil.disk_usage(one).free for one in folders if Path(one).exists()}
    fullest = min(rooms, key=rooms.__getitem__, default=None)
    return None if fullest is None or rooms[fullest] > _NO_ROOM else fullest


@contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes a file at the end of the block, unless that fails.

    Nothing is left of a file that is not written.

    Args:
        target: The file. Until it is whole, it is a hidden one beside it.

    Raises:
        OSError: If it cannot be written. The error names the file, as those of ``write`` do not.
    """
    unfinished = target.with_name(f".{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(target)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):
            if error.filename == str(unfinished):
                error.filename = str(target)
            _name(error, str(target))
        raise


@contextmanager
def temporary_files() -> Iterator[None]:
    """Let errors of temporary files, which have no name, name their folder."""
    try:
        yield
    except OSError as error:
        _name(error, tempfile.gettempdir())
        raise


def _name(error: OSError, path: str) -> None:
    if error.errno in _FULL and error.filename is None:
        error.filename = path


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return _AS_TEXT.search(str(error)) is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
