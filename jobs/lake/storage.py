"""Files under one URI, on a local disk or in object storage, through Arrow's file systems."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from jobs.common.errors import InputError

_BLOCK = 1 << 22


class Storage:
    """Reads and writes files under a root. Paths are relative to it, with forward slashes."""

    def __init__(self, uri: str) -> None:
        try:
            if "://" in uri:
                self.filesystem, self.root = fs.FileSystem.from_uri(uri)
            else:
                self.filesystem, self.root = fs.LocalFileSystem(), str(Path(uri).resolve())
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"cannot use {uri!r} as storage: {error}") from error
        self.root = self.root.rstrip("/")
        self.scheme = uri.split("://", 1)[0] if "://" in uri else "file"

    @property
    def is_local(self) -> bool:
        """Whether the files are on a local disk."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def absolute(self, path: str) -> str:
        """The path within Arrow's file system."""
        return f"{self.root}/{path}" if path else self.root

    def spark_uri(self, path: str) -> str:
        """The path as a URI for Spark: ``file://`` or Hadoop's ``s3a://``."""
        scheme = {"s3": "s3a"}.get(self.scheme, self.scheme)
        return f"{scheme}://{self.absolute(path)}"

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return bool(self._info(path).type != fs.FileType.NotFound)

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, or None if there is no such file."""
        info = self._info(path)
        return info.size if info.type == fs.FileType.File else None

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted; empty if it does not exist."""
        return [info.base_name for info in self._list(path) if info.type == fs.FileType.Directory]

    def files(self, path: str) -> list[str]:
        """Names of the files in a folder, sorted; empty if it does not exist."""
        return [info.base_name for info in self._list(path) if info.type == fs.FileType.File]

    def read(self, path: str) -> bytes | None:
        """Content of a file, or None if there is no such file."""
        try:
            with self.filesystem.open_input_stream(self.absolute(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def replace(self, path: str, content: bytes) -> None:
        """Write a small file atomically: readers see either the old or the new content."""
        if not self.is_local:
            with self.filesystem.open_output_stream(self.absolute(path)) as stream:
                stream.write(content)
            return
        target = Path(self.absolute(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
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

    def _list(self, path: str) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self.absolute(path), allow_not_found=True)
        return sorted(self.filesystem.get_file_info(selector), key=lambda info: info.base_name)
