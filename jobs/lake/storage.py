"""Files under one URI, on a local disk or in object storage, through Arrow's file systems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from hashlib import sha256
from pathlib import Path
from typing import IO

from pyarrow import fs

from jobs.common.disk_full import whole_file
from jobs.common.errors import InputError
from jobs.lake.location import (
    Entry,
    FileState,
    is_hidden,
    local_entries,
    open_location,
    refuse_table_format,
)
from jobs.lake.object_store.objects import Objects
from jobs.lake.object_store.store_errors import store_errors

_BLOCK = 1 << 22
_PATTERN_CHARACTER = re.compile(r"[{}\[\]*?\\]")


class Storage:
    """Reads and writes files under a root. Paths are relative to it, with forward slashes."""

    def __init__(self, uri: str) -> None:
        location = open_location(uri)
        self.filesystem, self.scheme = location.filesystem, location.scheme
        self.root = location.root.rstrip("/")
        self._objects = location.objects

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

    @property
    def objects(self) -> Objects:
        """Writes to an S3 store.

        Raises:
            InputError: If the files are in another one, where nothing keeps two writers apart.
        """
        if self._objects is None:
            raise InputError(
                f"{self.shown('')} can be read, but not written: choose a local path or s3://"
            )
        return self._objects

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

    def states(self, path: str) -> dict[str, FileState]:
        """The files in a folder by their names; empty if it does not exist."""
        files = [info for info in self._infos(path) if info.is_file]
        return {info.base_name: FileState(info.size, info.mtime_ns) for info in files}

    def states_below(self, path: str) -> dict[str, dict[str, FileState]]:
        """The files of a folder and all folders below it, by folder and name."""
        found: dict[str, dict[str, FileState]] = {}
        for info in self._infos(path, recursive=True):
            if info.is_file:
                folder = info.path.removeprefix(f"{self.root}/").rpartition("/")[0]
                state = FileState(info.size, info.mtime_ns)
                found.setdefault(folder, {})[info.base_name] = state
        return found

    def last_written(self, path: str) -> float:
        """When a folder was last written to, in seconds since 1970; 0 if it does not exist."""
        if self.is_local:
            info = self._info(path)
            return 0.0 if info.mtime is None else info.mtime.timestamp()
        times = [info.mtime_ns for info in self._infos(path, recursive=True) if info.is_file]
        return max(times, default=0) / 1e9

    def read(self, path: str) -> bytes | None:
        """Content of a file, or None if there is no such file."""
        if self._objects is not None and self._objects.has_client:
            found = self._objects.get(self.absolute(path))
            return None if found is None else found.content
        try:
            with (
                self._errors(path),
                self.filesystem.open_input_stream(self.absolute(path)) as stream,
            ):
                return bytes(stream.read())
        except FileNotFoundError:
            self._require_bucket()
            return None

    def replace(self, path: str, content: bytes, *, durable: bool = True) -> None:
        """Write a small file atomically: readers see either the old or the new content.

        Args:
            path: The file.
            content: All of its content.
            durable: Wait until it is on the disk, so that it also outlives a failure of power.
        """
        if not self.is_local:
            self.objects.put(self.absolute(path), content)
            return
        with whole_file(self._new_file(path)) as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), 0o644)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())

    def create(self, path: str, content: bytes) -> bool:
        """Write a small file unless it is there. On a local disk, its lock must be held.

        Returns:
            Whether it is written.
        """
        if not self.is_local:
            return self.objects.put_if_unchanged(self.absolute(path), content, None)
        if self.exists(path):
            return False
        self.replace(path, content)
        return True

    @contextmanager
    def writer(self, path: str) -> Iterator[IO[bytes]]:
        """A stream whose content becomes the file at the end of the block, unless it fails."""
        if not self.is_local:
            with self.objects.writer(self.absolute(path)) as stream:
                yield stream
            return
        with whole_file(self._new_file(path)) as stream:
            yield stream

    def move(self, source: str, target: str) -> None:
        """Move a file, creating the folder of the target if needed."""
        if not self.is_local:
            self.objects.copy(self.absolute(source), self.absolute(target))
            self.objects.remove(self.absolute(source))
            return
        self.make_folder(target.rsplit("/", 1)[0])
        self.filesystem.move(self.absolute(source), self.absolute(target))

    def make_folder(self, path: str) -> None:
        """Create a folder and its parents on a local disk; an object store needs none."""
        if self.is_local:
            self.filesystem.create_dir(self.absolute(path), recursive=True)

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing happens if there is none."""
        if not self.is_local:
            self.objects.remove(self.absolute(path))
            return
        kind = self._info(path).type
        if kind == fs.FileType.Directory:
            self.filesystem.delete_dir(self.absolute(path))
        elif kind == fs.FileType.File:
            self.filesystem.delete_file(self.absolute(path))

    def sha256(self, path: str) -> str:
        """SHA-256 of the content of a file, in hex."""
        digest = sha256()
        with self._errors(path), self.filesystem.open_input_stream(self.absolute(path)) as stream:
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

        with self._new_file(path).open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _new_file(self, path: str) -> Path:
        """The local path of a file, in a folder that is there."""
        target = Path(self.absolute(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _info(self, path: str) -> fs.FileInfo:
        with self._errors(path):
            info = self.filesystem.get_file_info(self.absolute(path))
        if info.type == fs.FileType.NotFound:
            self._require_bucket()
        return info

    def _infos(self, path: str, *, recursive: bool = False) -> list[fs.FileInfo]:
        """All that is in a folder; nothing if it does not exist."""
        selector = fs.FileSelector(self.absolute(path), allow_not_found=True, recursive=recursive)
        with self._errors(path):
            infos: list[fs.FileInfo] = self.filesystem.get_file_info(selector)
        if not infos:
            self._require_bucket()
        return infos

    def _require_bucket(self) -> None:
        if self._objects is not None:
            self._objects.require_bucket(self.root)

    def _list(self, path: str) -> list[Entry]:
        """The files and folders in a folder, sorted; none if it does not exist."""
        if self.is_local:
            return local_entries(self.absolute(path))
        return sorted(
            Entry(info.base_name, info.type == fs.FileType.Directory)
            for info in self._infos(path)
            if info.type in (fs.FileType.Directory, fs.FileType.File)
        )

    def _errors(self, path: str) -> AbstractContextManager[None]:
        """Give errors of an S3 store the form of the project's own."""
        if self._objects is None:
            return nullcontext()
        return store_errors(self.shown(path), self._objects.settings)
