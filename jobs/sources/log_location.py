"""Location and files of a scenario's log."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jobs.common.errors import InputError
from jobs.common.paths import data_folder
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario, TableSource

DAY = "{ds}"
_DAY_PATTERN = r"\d{4}-\d{2}-\d{2}"


def raw_location(scenario: Scenario, raw: str | None = None) -> str:
    """Path or URI of the log: ``raw``, else the scenario's, else ``$LIS_RAW/<scenario>``.

    Raises:
        InputError: If the scenario's path has a variable that is not set.
    """
    if raw:
        return raw
    if scenario.source.raw:
        location = os.path.expandvars(scenario.source.raw)
        if "$" in location:
            raise InputError(
                f"scenario {scenario.name}: source.raw {scenario.source.raw!r} has a variable "
                "that is not set: export it or give --raw"
            )
        return location
    return str(Path(os.environ.get("LIS_RAW", data_folder() / "raw")) / scenario.name)


@dataclass(frozen=True)
class RawFiles:
    """Data files of a storage, sorted by path."""

    storage: Storage
    paths: tuple[str, ...]

    def names(self) -> list[str]:
        """Absolute paths of the files, for messages."""
        return [self.storage.absolute(path) for path in self.paths]


def log_files(
    source: TableSource, raw: str, first: date | None = None, last: date | None = None
) -> RawFiles:
    """The files of the log; if it has one path per day, only those of the requested days.

    Args:
        source: options with the path.
        raw: path or URI that the path is relative to.
        first: first requested day (default: the first of the log).
        last: last requested day, included (default: the last of the log).

    Raises:
        InputError: If there is no file.
    """
    if not has_day_in_path(source):
        return _files(_join(raw, source.path))
    days = [
        day
        for day in days_of_log(source, raw)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    if not days:
        requested = f"from {first or 'the first day'} to {last or 'the last day'}"
        raise InputError(
            f"no data {requested} at {_join(raw, source.path)}: request days that the log has"
        )
    by_day = [_files(_join(raw, source.path.replace(DAY, day.isoformat()))) for day in days]
    root = Storage(raw)
    names = [name for files in by_day for name in files.names()]
    return RawFiles(root, tuple(name.removeprefix(f"{root.root}/") for name in names))


def item_files(source: TableSource, raw: str) -> RawFiles | None:
    """Files with the items, or None if the scenario has none."""
    return None if source.items is None else _files(_join(raw, source.items.path))


def has_day_in_path(source: TableSource) -> bool:
    """Whether the log has one path per day."""
    return DAY in source.path


def day_pattern(source: TableSource) -> str:
    """Regular expression with the day in the path of a file of the log as its first group."""
    before, _, after = source.path.partition(DAY)
    return f"{re.escape(before)}({_DAY_PATTERN}){re.escape(after)}"


def days_of_log(source: TableSource, raw: str) -> list[date]:
    """Days of a log with one path per day, ascending."""
    parts = source.path.split("/")
    level = next(number for number, part in enumerate(parts) if DAY in part)
    storage = Storage(_join(raw, "/".join(parts[:level])))
    pattern = re.compile(re.escape(parts[level]).replace(re.escape(DAY), f"({_DAY_PATTERN})"))
    names = storage.folders("") + storage.files("")
    return sorted({_day(storage, name, m[1]) for name in names if (m := pattern.fullmatch(name))})


def _day(storage: Storage, name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{storage.absolute(name)}: {text} is not a date; rename it") from error


def _join(raw: str, below: str) -> str:
    location = raw.rstrip("/")
    return f"{location}/{below}" if below and not location.endswith(f"/{below}") else location


def _files(location: str) -> RawFiles:
    """A file, or all data files in a folder and its subfolders."""
    parent, _, name = location.rpartition("/")
    storage = Storage(parent or ".")
    if storage.size(name) is not None:
        return RawFiles(storage, (name,))
    paths: list[str] = []
    pending = [name]
    while pending:
        folder = pending.pop()
        paths += [f"{folder}/{file}" for file in storage.files(folder) if file[0] not in "._"]
        pending += [f"{folder}/{sub}" for sub in storage.folders(folder) if sub[0] not in "._"]
    if not paths:
        raise InputError(
            f"no log at {location}: give --raw PATH, or put the log (or a link to it) there"
        )
    return RawFiles(storage, tuple(sorted(paths)))
