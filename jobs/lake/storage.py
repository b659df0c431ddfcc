"""Files under one URI, on a local disk or in object storage, through Arrow's file systems."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pyarrow import fs

from jobs.common.errors import InputError
from jobs.lake.location import is_hidden, open_location, refuse_table_format

_BLOCK = 1 << 22
_PATTERN_CHARACTER = re.compile(r"[{}\[\]*?\\]")


@dataclass(frozen=True)
class FileState:
    """Size of a file in bytes, and when it was last written, in nanoseconds since 1970."""

    size: int
    mtime_ns: int


class Storage:
    """Reads and writes files under a root. Paths are relative to it, with forward slashes."""

    def __init__(self, uri: str) -> None:
        self.filesystem, root, self.scheme = open_location(uri)
        self.root = root.rstrip("/")

    def at(self, path: str) -> Storage:
        """The same storage with a folder or file in it as the root."""
        below = copy(self)
        below.root = self.absolute(path).rstrip("/")
        return below

    def parent(self) -> tuple[Storage, str]:
        """The storage of the folder above the root, and the name of the root in it."""
        above = copy(self)
        above.root, _, name = self.root.rpartition("/")
        return above, name

    @property
    def is_local(self) -> bool:
        """Whether the files are on a local disk."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def absolute(self, path: str) -> str:
        """The path within Arrow's file system."""
        return f"{self.root}/{path}" if path else self.root or "/"

    def shown(self, path: str) -> str:
        """The path as a user knows it, for messages: a local path or a URI without password."""
        return self.absolute(path) if self.is_local else f"{self.scheme}://{self.absolute(path)}"

    def spark_uri(self, path: str) -> str:
        """The path as a URI for Spark: ``file://`` or Hadoop's ``s3a://``."""
        scheme = {"s3": "s3a"}.get(self.scheme, self.scheme)
        return f"{scheme}://{self.absolute(path)}"

    def spark_pattern(self, path: str) -> str:
        """``spark_uri`` for a reader, which takes brackets and the like as a pattern of names."""
        return _PATTERN_CHARACTER.sub(r"\\\g<0>", self.spark_uri(path))

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return bool(self._info(path).type != fs.FileType.NotFound)

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, or None if there is no such file."""
        state = self.state(path)
        return None if state is None else state.size

    def state(self, path: str) -> FileState | None:
        """What changes whenever a file is written, or None if there is no such file."""
        info = self._info(path)
        return FileState(info.size, info.mtime_ns) if info.type == fs.FileType.File else None

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted; empty if it does not exist."""
        return [entry.name for entry in self._list(path) if entry.is_folder]

    def files(self, path: str) -> list[str]:
        """Names of the files in a folder, sorted; empty if it does not exist."""
        return [entry.name for entry in self._list(path) if not entry.is_folder]

    def data_files(self, path: str) -> list[str]:
        """Paths of the files in a folder and its subfolders, sorted, without those of Hadoop.

        Links are followed, but not back to a folder that they are in.

        Args:
            path: the folder; there may be none.

        Raises:
            InputError: If one of them is a table of a format that keeps deleted rows.
        """
        found: list[str] = []
        pending: list[tuple[str, frozenset[str]]] = [(path, frozenset())]
        while pending:
            folder, above = pending.pop()
            real = os.path.realpath(self.absolute(folder)) if self.is_local else folder
            if real in above:
                continue
            for entry in self._list(folder):
                refuse_table_format(entry.name, self.shown(folder))
                if is_hidden(entry.name):
                    continue
                below = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_folder:
                    pending.append((below, above | {real}))
                else:
                    found.append(below)
        return sorted(found)

    def read(self, path: str) -> bytes | None:
        """Content of a file, or None if there is no such file."""
        try:
            with self.filesystem.open_input_stream(self.absolute(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def replace(self, path: str, content: bytes, *, durable: bool = True) -> None:
        """Write a small file atomically: readers see either the old or the new content.

        Args:
            path: The file.
            content: All of its content.
            durable: Wait until it is on the disk, so that it also outlives a failure of power.
        """
        if not self.is_local:
            with self.filesystem.open_output_stream(self.absolute(path)) as stream:
                stream.write(content)
            return
        target = Path(self.absolute(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)

    def move(self, source: str, target: str) -> None:
        """Move a file, creating the folder of the target if needed."""
        self.make_folder(target.rsplit("/", 1)[0])
        self.filesystem.move(self.absolute(source), self.absolute(target))

    def make_folder(self, path: str) -> None:
        """Create a folder and its parents; nothing happens if it exists."""
        self.filesystem.create_dir(self.absolute(path), recursive=True)

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing happens if there is none."""
        kind = self._info(path).type
        if kind == fs.FileType.Directory:
            self.filesystem.delete_dir(self.absolute(path))
        elif kind == fs.FileType.File:
            self.filesystem.delete_file(self.absolute(path))

    def sha256(self, path: str) -> str:
        """SHA-256 of the content of a file, in hex."""
        digest = sha256()
        with self.filesystem.open_input_stream(self.absolute(path)) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold a file lock. In object storage, which has none, this does nothing."""
        if not self.is_local:
            yield
            return
        import fcntl

        target = Path(self.absolute(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _info(self, path: str) -> fs.FileInfo:
        return self.filesystem.get_file_info(self.absolute(path))

    def _list(self, path: str) -> list[_Entry]:
        """The files and folders in a folder, sorted; none if it does not exist."""
        if self.is_local:
            return _local_entries(self.absolute(path))
        selector = fs.FileSelector(self.absolute(path), allow_not_found=True)
        entries = [
            _Entry(info.base_name, info.type == fs.FileType.Directory)
            for info in self.filesystem.get_file_info(selector)
            if info.type in (fs.FileType.Directory, fs.FileType.File)
        ]
        return sorted(entries)


@dataclass(frozen=True, order=True)
class _Entry:
    name: str
    is_folder: bool


def _local_entries(folder: str) -> list[_Entry]:
    """As ``Storage._list``. Arrow leaves out links that lead nowhere, so their data would be lost.

    Raises:
        InputError: If the folder cannot be read, or has such a link or a name that is not UTF-8.
    """
    entries = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.is_dir() or entry.is_file():
                    entries.append(_Entry(_checked_name(folder, entry.name), entry.is_dir()))
                elif entry.is_symlink() and not is_hidden(entry.name):
                    raise InputError(
                        f"{entry.path} is a link to {os.readlink(entry.path)}, which is not there: "
                        "remove the link, or bring back what it leads to"
                    )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    return sorted(entries)


def _checked_name(folder: str, name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = ascii(f"{folder}/{name}")
        raise InputError(f"{shown}: its name is not in UTF-8: rename it") from error
    return name
