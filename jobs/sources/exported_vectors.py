"""Where the item tables lie that a user's own ranker has exported, and what columns they have."""

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
    id_words,
    is_day,
    is_id,
    is_vector,
)
from jobs.sources.log_location import DAY, RawFiles

EVERY_DAY = ""
"""Stands for the day where a column says of which day a row is."""

_DAY_PATTERN = r"(\d{4}-\d{2}-\d{2})"


@dataclass(frozen=True)
class Exports:
    """Exported files below a storage: day (YYYY-MM-DD, or ``EVERY_DAY``) -> paths, sorted."""

    storage: Storage
    paths: Mapping[str, tuple[str, ...]]

    def files(self, days: Iterable[str]) -> RawFiles:
        return RawFiles(self.storage, tuple(path for day in days for path in self.paths[day]))

    def digests(self, source: ImportedSnapshots) -> dict[str, str]:
        """What the tables of each day are made from: the contents and the options."""
        options = source.model_dump(mode="json")
        return {
            day: digest_of(options, [(path, self.storage.sha256(path)) for path in paths])
            for day, paths in self.paths.items()
        }


def find_exports(source: ImportedSnapshots, raw: str | None = None) -> Exports:
    """All exported files; ``raw`` is what the path lies below.

    Raises:
        InputError: a variable of the path is not set, nothing is there, or a name holds no day.
    """
    location = os.path.expandvars(source.path)
    if "$" in location:
        raise InputError(
            f"snapshots.path {source.path!r} names a variable that is not set: export it"
        )
    if raw:
        location = f"{raw.rstrip('/')}/{location}"
    before, by_day, _ = location.partition(DAY)
    root, _, _ = (before if by_day else location).rpartition("/")
    below = location[len(root) :].lstrip("/")
    storage = Storage(root or ("/" if location.startswith("/") else "."))
    pattern = re.compile(_pattern(below) + "(?:/.*)?")
    paths: dict[str, list[str]] = {}
    for path in listed(storage, "" if by_day else below):
        if matched := pattern.fullmatch(path):
            day = _checked_day(storage, path, matched[1]) if by_day else EVERY_DAY
            paths.setdefault(day, []).append(path)
    if not paths:
        raise InputError(
            f"no exported snapshots at {location}: correct snapshots.path in the scenario"
        )
    return Exports(storage, {day: tuple(sorted(paths[day])) for day in sorted(paths)})


def day_pattern(source: ImportedSnapshots) -> str:
    """Regular expression whose first group is the day in the path of an exported file."""
    before, _, after = source.path.partition(DAY)
    return f"/{_pattern(before.rpartition('/')[2] + DAY + after)}(?:/|$)"


def check_columns(source: ImportedSnapshots, files: RawFiles, scenario: Scenario) -> None:
    """Check that every file is Parquet and has the mapped columns, of the same type in all.

    Raises:
        InputError: names the file and the column.
    """
    wanted: dict[str, ColumnRule] = {
        source.item_id: (is_id, id_words(scenario)),
        source.vector: (is_vector, "lists of numbers"),
    }
    if source.updates is not None:
        wanted[source.updates] = (pa.types.is_integer, "whole numbers")
    if source.as_of is not None:
        wanted[source.as_of] = (is_day, "days")
    check_types(files, wanted)


def listed(storage: Storage, folder: str) -> list[str]:
    """The file, or all files below the folder but hidden ones; paths below the storage."""
    if folder and storage.size(folder) is not None:
        return [folder]
    selector = fs.FileSelector(storage.absolute(folder), recursive=True, allow_not_found=True)
    found = storage.filesystem.get_file_info(selector)
    paths = [info.path.removeprefix(f"{storage.root}/") for info in found if info.is_file]
    return [path for path in paths if not any(part[0] in "._" for part in path.split("/"))]


def _pattern(path: str) -> str:
    before, by_day, after = path.partition(DAY)
    return re.escape(before) + (_DAY_PATTERN if by_day else "") + re.escape(after)


def _checked_day(storage: Storage, path: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"{storage.absolute(path)}: {text} is no date; rename it") from error
