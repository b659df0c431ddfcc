"""Where files are: local paths and URIs, taken as they are written.

A blank, bracket, colon, percent sign, ``#`` or ``?`` in a name is part of the name, and no pattern.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

import pyarrow as pa
from pyarrow import fs

from jobs.common.errors import InputError
from jobs.lake.object_store.objects import Objects
from jobs.lake.object_store.settings import S3Settings
from jobs.lake.object_store.store_errors import store_errors

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?]*)(.*)", re.DOTALL)
_URI_PATH = re.compile(r"(?:[\w/.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*", re.ASCII)
# Options of Arrow's file systems, such as ?region=us-east-1&scheme=http.
_OPTIONS = re.compile(r"\?\w+=.*\Z", re.ASCII | re.DOTALL)
_TABLE_FORMATS = {"_delta_log": "Delta Lake", ".hoodie": "Apache Hudi"}
_IN_BUCKETS = ("gs", "gcs")
_ARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}


@dataclass(frozen=True)
class Location:
    """Where a path or URI leads.

    Attributes:
        filesystem: Arrow's file system.
        root: The path within it.
        scheme: That of its URI.
        objects: Writes to it, if it is in an S3 store.
    """

    filesystem: fs.FileSystem
    root: str
    scheme: str
    objects: Objects | None = None


def open_location(text: str) -> Location:
    """Find out where a path or URI leads.

    Args:
        text: a local path, also relative or below ``~``, or a URI.

    Raises:
        InputError: If it cannot be used.
    """
    try:
        if text.startswith("file:/"):
            return Location(fs.LocalFileSystem(), _local_of_uri(text), "file")
        if matched := _URI.fullmatch(text):
            return _remote(*matched.groups())
        return Location(fs.LocalFileSystem(), _local(text), "file")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot use {text!r} as storage: {error}") from error


def is_absolute(text: str) -> bool:
    """Whether a path or URI does not depend on the folder that it is given for."""
    return text.startswith(("/", "~/", "file:/")) or _URI.fullmatch(text) is not None


def cleaned(path: str) -> str:
    """A path without empty parts and dots: ``./log//ds=1/`` is ``log/ds=1``."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def split_location(text: str, below: str) -> tuple[str, str]:
    """The storage to open, and the path in it, of a path that is given for a storage.

    Args:
        text: path or URI of the storage.
        below: path in it, or an absolute path or URI, for which ``text`` does not matter. It may
            hold ``{ds}``: the storage then is the folder above the first part with it.
    """
    if not is_absolute(below):
        return text, cleaned(below)
    is_uri = _URI.fullmatch(below)
    options = found[0] if is_uri and (found := _OPTIONS.search(below)) else ""
    below = below.removesuffix(options).rstrip("/")
    folder, slash, _ = below.partition("{ds}")[0].rpartition("/")
    if is_uri and not _URI.fullmatch(folder):
        return below + options, ""
    return (folder or slash) + options, cleaned(below[len(folder) :].lstrip("/"))


def is_hidden(name: str) -> bool:
    """Whether Hadoop leaves a file or folder out of the data: ``_SUCCESS``, ``.part-0.crc``."""
    is_marker = name.startswith("_") and "=" not in name
    return is_marker or name.startswith(".") or name.endswith(("._COPYING_", "_$folder$"))


def refuse_table_format(name: str, folder: str) -> None:
    """Check that a name is not one that a table format keeps beside its files.

    Such files hold rows too that were deleted or replaced, and only the format's log says which.

    Args:
        name: a file or folder.
        folder: the folder that it is in, for the message.

    Raises:
        InputError: If it is one.
    """
    if (found := _TABLE_FORMATS.get(name)) is not None:
        raise InputError(
            f"{folder} is a table of {found} ({name}), whose files hold deleted and replaced rows "
            "too: export its current rows as Parquet files, or move its log away if it has none"
        )


def _remote(scheme: str, authority: str, rest: str) -> Location:
    scheme = _ARROW_SCHEMES.get(scheme.lower(), scheme.lower())
    options = found[0] if (found := _OPTIONS.search(rest)) else ""
    path = rest.removesuffix(options)
    if scheme == "s3":
        return _in_object_store(authority, path, options)
    if not authority and scheme in _IN_BUCKETS:
        raise ValueError(f"it names no bucket: write {scheme}://bucket/folder")
    filesystem, root = fs.FileSystem.from_uri(f"{scheme}://{authority}{quote(path)}{options}")
    return Location(filesystem, _written_or_decoded(root, path, _exists_in(filesystem)), scheme)


def _in_object_store(authority: str, path: str, options: str) -> Location:
    settings = S3Settings.of(authority, options)
    bucket = authority.rpartition("@")[2]
    if not bucket:
        raise ValueError("it names no bucket: write s3://bucket/folder")
    with store_errors(f"s3://{bucket}{path}", settings):
        filesystem = settings.filesystem(bucket)
        root = "/".join([bucket, *(part for part in path.split("/") if part)])
        root = _written_or_decoded(root, path, _exists_in(filesystem))
    return Location(filesystem, root, "s3", Objects(settings, filesystem))


def _exists_in(filesystem: fs.FileSystem) -> Callable[[str], bool]:
    def exists(written: str) -> bool:
        return bool(filesystem.get_file_info(written).type != fs.FileType.NotFound)

    return exists


def _local_of_uri(text: str) -> str:
    path = text.removeprefix("file:")
    if path.startswith("//"):
        host, _, below = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"{host!r} is taken as a host: write file:///folder, or a path")
        path = f"/{below}"
    return _local(_written_or_decoded(path, path, os.path.exists))


def _written_or_decoded(root: str, path: str, exists: Callable[[str], bool]) -> str:
    """A path as written, or with ``%20`` decoded if only that can be meant.

    Spark and Hive write percent signs into the names of folders, while a program that makes a URI
    writes them for other characters.
    """
    if "%" not in path or not _URI_PATH.fullmatch(path) or exists(root):
        return root
    return unquote(root)


def _local(text: str) -> str:
    """An absolute path. Links stay, so that files below have the path that the user knows."""
    if (text == "~" or text.startswith("~/")) and not os.path.lexists(text):
        text = os.path.expanduser(text)
    parts = os.path.join(os.getcwd(), text).split("/")
    if ".." in parts:
        # The folder above a link is that of its target.
        after = len(parts) - parts[::-1].index("..")
        parts = [*os.path.realpath("/".join(parts[:after])).split("/"), *parts[after:]]
    return "/" + "/".join(part for part in parts if part not in ("", "."))


@dataclass(frozen=True)
class FileState:
    """Size of a file in bytes, and when it was last written, in nanoseconds since 1970."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, order=True)
class Entry:
    """A file or folder in a folder."""

    name: str
    is_folder: bool


def local_entries(folder: str) -> list[Entry]:
    """The files and folders in a local folder, sorted; none if it does not exist.

    Arrow leaves out links that lead nowhere, so their data would be lost.

    Raises:
        InputError: If the folder cannot be read, or has such a link or a name that is not UTF-8.
    """
    entries = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.is_dir() or entry.is_file():
                    entries.append(Entry(_checked_name(folder, entry.name), entry.is_dir()))
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
