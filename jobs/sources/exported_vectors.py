"""Item tables exported by an external ranker: finding the files and checking their columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyarrow import fs

from jobs.common.errors import InputError
from jobs.lake.manifest import digest_of
from jobs.lake.storage import Storage
from jobs.scenarios import ImportedSnapshots, Scenario
from jobs.sources.log_columns import (
    ColumnRule,
    check_types,
    describe_ids,
    is_day,
    is_id,
    is_vector,
)
from jobs.sources.log_location import DAY, RawFiles

EVERY_DAY = ""
"""Key of ``Exports.paths`` where a column, not the path, has the day of a row."""

_DAY_PATTERN = r"(\d{4}-\d{2}-\d{2})"


@dataclass(frozen=True)
class Exports:
    """Exported files of a storage: sorted paths by day (YYYY-MM-DD, or ``EVERY_DAY``)."""

    storage: Storage
    paths: Mapping[str, tuple[str, ...]]

    def files(self, days: Iterable[str]) -> RawFiles:
        """The files of some days."""
        return RawFiles(self.storage, tuple(path for day in days for path in self.paths[day]))

    def digests(self, source: ImportedSnapshots) -> dict[str, str]:
        """Digest of the files of each day and of the options they are read with, by day."""
        options = source.model_dump(mode="json")
        return {
            day: digest_of(options, [(path, self.storage.sha256(path)) for path in paths])
            for day, paths in self.paths.items()
        }


def find_exports(source: ImportedSnapshots, raw: str | None = None) -> Exports:
    """Find all exported files.

    Args:
        source: options with the path.
        raw: path or URI that the path is relative to (default: the working folder).

    Raises:
        InputError: If the path has a variable that is not set, there is no file, or a file name
            has a day that does not exist.
    """
    location = os.path.expandvars(source.path)
    if "$" in location:
        raise InputError(
            f"snapshots.path {source.path!r} has a variable that is not set: export it"
        )
    if raw:
        location = f"{raw.rstrip('/')}/{location}"
    before, has_day, _ = location.partition(DAY)
    root, _, _ = (before if has_day else location).rpartition("/")
    below = location[len(root) :].lstrip("/")
    storage = Storage(root or ("/" if location.startswith("/") else "."))
    pattern = re.compile(_pattern(below) + "(?:/.*)?")
    paths: dict[str, list[str]] = {}
    for path in list_files(storage, "" if has_day else below):
        if matched := pattern.fullmatch(path):
            day = _checked_day(storage, path, matched[1]) if has_day else EVERY_DAY
            paths.setdefault(day, []).append(path)
    if not paths:
        raise InputError(
            f"no exported snapshots at {location}: correct snapshots.path in the scenario"
        )
    return Exports(storage, {day: tuple(sorted(paths[day])) for day in sorted(paths)})


def day_pattern(source: ImportedSnapshots) -> str:
    """Regular expression with the day in the path of an exported file as its first group."""
    before, _, after = source.path.partition(DAY)
    return f"/{_pattern(before.rpartition('/')[2] + DAY + after)}(?:/|$)"


def check_columns(source: ImportedSnapshots, files: RawFiles, scenario: Scenario) -> None:
    """Check that every file is Parquet and has the mapped columns, with equal types in all files.

    Raises:
        InputError: If one is not; the message names the file and the column.
    """
    required: dict[str, ColumnRule] = {
        source.item_id: (is_id, describe_ids(scenario)),
        source.vector: (is_vector, "lists of numbers"),
    }
    if source.updates is not None:
        required[source.updates] = (pa.types.is_integer, "whole numbers")
    if source.as_of is not None:
        required[source.as_of] = (is_day, "dates")
    check_types(files, required)


def list_files(storage: Storage, path: str) -> list[str]:
    """The file at a path, or all files in that folder and its subfolders except hidden ones."""
    if path and storage.size(path) is not None:
        return [path]
    selector = fs.FileSelector(storage.absolute(path), recursive=True, allow_not_found=True)
    found = storage.filesystem.get_file_info(selector)
    paths = [info.path.removeprefix(f"{storage.root}/") for info in found if info.is_file]
    return [path for path in paths if not any(part[0] in "._" for part in path.split("/"))]


def _pattern(path: str) -> str:
    before, has_day, after = path.partition(DAY)
    return re.escape(before) + (_DAY_PATTERN if has_day else "") + re.escape(after)


def _checked_day(storage: Storage, path: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"{storage.absolute(path)}: {text} is not a date; rename it") from error
