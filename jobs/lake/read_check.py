"""Whether a stored file still holds what its manifest says.

A file is hashed before it is read, once in each process as long as its size and time of writing
stay the same: the path of a published file has a hash of its content, so nothing writes it twice.
"""

from __future__ import annotations

import logging
import os
import time
from enum import StrEnum
from hashlib import sha256

from jobs.common.errors import InputError, first_line
from jobs.lake.location import FileState
from jobs.lake.manifest import StoredFile
from jobs.lake.storage import Storage

log = logging.getLogger(__name__)

_VARIABLE = "LIS_READ_CHECK"
_sound: set[tuple[str, str, FileState, str]] = set()
"""Files that this process has hashed: file system, path, state and SHA-256."""
_RACY_NS = 2_000_000_000
"""A file that was written so shortly before is hashed again: clocks of some stores tick in seconds,
so a further change could leave its time of writing the same."""


class ReadCheck(StrEnum):
    """What is compared with the manifest before a file is read."""

    CONTENT = "content"
    SIZE = "size"

    @classmethod
    def from_environment(cls) -> ReadCheck:
        """The check that ``LIS_READ_CHECK`` names; without it, that of the content.

        Raises:
            InputError: If there is none of that name.
        """
        name = os.environ.get(_VARIABLE) or cls.CONTENT.value
        try:
            return cls(name)
        except ValueError as error:
            raise InputError(f"{_VARIABLE}={name}: set it to {' or '.join(cls)}") from error


def fault_of(storage: Storage, path: str, stored: StoredFile, check: ReadCheck) -> str | None:
    """What is wrong with a stored file, as the rest of a sentence; None if nothing is.

    Args:
        storage: The storage with the file.
        path: Its path there.
        stored: The file in its manifest.
        check: What is compared.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it may not be read.
    """
    state = storage.state(path)
    if state is None:
        raise FileNotFoundError(path)
    if state.size != stored.size:
        return f"has {state.size} bytes, but {stored.size} in its manifest"
    if check == ReadCheck.SIZE:
        return None
    sound = (storage.scheme, storage.absolute(path), state, stored.sha256)
    if sound in _sound:
        return None
    try:
        digest = storage.sha256(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(path) from error
    except PermissionError as error:
        raise InputError(f"{storage.shown(path)} may not be read: {first_line(error)}") from error
    except OSError as error:
        return f"cannot be read ({first_line(error)})"
    if digest != stored.sha256:
        return f"is damaged: its SHA-256 is {digest[:8]}…, but {stored.sha256[:8]}… in its manifest"
    if time.time_ns() - state.mtime_ns > _RACY_NS:
        _sound.add(sound)
    return None


def write_work_file(storage: Storage, path: str, content: bytes) -> None:
    """Replace a file of unfinished work, which no manifest lists: its SHA-256 comes first in it."""
    storage.replace(path, sha256(content).digest() + content)


def read_work_file(storage: Storage, path: str) -> bytes | None:
    """The content of a file of unfinished work; None if there is none, or it is damaged."""
    stored = storage.read(path)
    if stored is None:
        return None
    size = sha256().digest_size
    content = stored[size:]
    if sha256(content).digest() != stored[:size]:
        log.warning("%s is damaged: the work is done again", storage.shown(path))
        return None
    return content
