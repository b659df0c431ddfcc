"""Location and files of a scenario's log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from jobs.common.errors import InputError
from jobs.common.paths import expand_variables
from jobs.lake.location import is_hidden, refuse_table_format, split_location
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario, TableSource
from jobs.scenarios.hints import default_raw

DAY = "{ds}"
_DAY_PATTERN = r"\d{4}-\d{2}-\d{2}"
# Name that Hive and Spark give to the partition of rows without a value.
_NO_DAY = "__HIVE_DEFAULT_PARTITION__"


def raw_location(scenario: Scenario, raw: str | None = None) -> str:
    """Path or URI of the log: ``raw``, else the scenario's, else ``$LIS_RAW/<scenario>``.

    Raises:
        InputError: If the scenario's path has a variable that is not set.
    """
    if raw:
        return raw
    if scenario.source.raw:
        return expand_variables(scenario.source.raw, f"scenario {scenario.name}: source.raw")
    return default_raw(scenario)


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
    storage, below = log_path(source, raw)
    if not has_day_in_path(source):
        return _files(storage, below)
    days = [
        day
        for day in days_of_log(source, raw)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    if not days:
        requested = f"from {first or 'the first day'} to {last or 'the last day'}"
        raise InputError(
            f"no data {requested} at {storage.shown(below)}: request days that the log has"
        )
    by_day = [_files(storage, below.replace(DAY, day.isoformat())) for day in days]
    return RawFiles(storage, tuple(path for files in by_day for path in files.paths))


def log_path(source: TableSource, raw: str) -> tuple[Storage, str]:
    """The storage with the log, and the log's path in it, with ``{ds}`` in place of the day."""
    return _below(raw, source.path)


def item_files(source: TableSource, raw: str) -> RawFiles | None:
    """Files with the items, or None if the scenario has none."""
    if source.items is None:
        return None
    return _files(*_below(raw, source.items.path), "items", "correct source.items.path")


def has_day_in_path(source: TableSource) -> bool:
    """Whether the log has one path per day."""
    return DAY in source.path


def day_pattern(source: TableSource) -> str:
    """Regular expression with the day in the path of a file of the log as its first group."""
    return path_pattern(split_location(".", source.path)[1])


def path_pattern(path: str) -> str:
    """Regular expression of a path; its first group is the day, written ``{ds}`` in the path."""
    before, has_day, after = path.partition(DAY)
    # The day may be in the path again, as in {ds}/events-{ds}.csv.
    again = re.escape(after).replace(re.escape(DAY), r"\1")
    return re.escape(before) + (f"({_DAY_PATTERN})" if has_day else "") + again


def days_of_log(source: TableSource, raw: str) -> list[date]:
    """Days of a log with one path per day, ascending.

    Raises:
        InputError: If a file or folder in their place has no day in its name, so that its rows
            would be lost.
    """
    storage, below = log_path(source, raw)
    parts = below.split("/")
    level = next(number for number, part in enumerate(parts) if DAY in part)
    folder, part = storage.at("/".join(parts[:level])), parts[level]
    days: set[date] = set()
    for name in folder.folders("") + folder.files(""):
        refuse_table_format(name, folder.shown(""))
        if not is_hidden(name) and (day := day_in_name(part, name, folder.shown(name))):
            days.add(day)
    return sorted(days)


def day_in_name(part: str, name: str, shown: str) -> date | None:
    """The day in a name, None if the name is not one of those with a day.

    Args:
        part: the expected name, with ``{ds}``.
        name: the name that was found.
        shown: its path, for the message.

    Raises:
        InputError: If the name is like ``part``, but has no day.
    """
    before, _, after = part.partition(DAY)
    if matched := re.fullmatch(path_pattern(part), name):
        try:
            return date.fromisoformat(matched[1])
        except ValueError as error:
            raise InputError(f"{shown}: {matched[1]} is not a date; rename it") from error
    after = after.replace(DAY, "")
    text = name.removeprefix(before).removesuffix(after)
    is_alike = name.startswith(before) and name.endswith(after)
    if is_alike and (before.endswith("=") or text == _NO_DAY or text[:1].isdigit()):
        raise InputError(
            f"{shown} has no day as in {part}: {text!r} is not YYYY-MM-DD; rename it, move it "
            "away, or give a path without {ds}"
        )
    return None


def _below(raw: str, path: str) -> tuple[Storage, str]:
    """The storage with a path of the log, and the path in it; ``raw`` may be that path itself."""
    location, below = split_location(raw, path)
    storage = Storage(location)
    ends_with_it = f"{storage.root}/".endswith(f"/{below}/")
    if below and ends_with_it and DAY not in below and not storage.exists(below):
        below = ""
    return storage, below


def _files(
    storage: Storage,
    path: str,
    content: str = "log",
    hint: str = "give --raw PATH, or put the log (or a link to it) there",
) -> RawFiles:
    """A file, or all data files in a folder and its subfolders."""
    if storage.size(path) is not None:
        return RawFiles(storage, (path,)) if path else _one_file(storage)
    paths = storage.data_files(path)
    if not paths:
        raise InputError(f"no {content} at {storage.shown(path)}: {hint}")
    return RawFiles(storage, tuple(paths))


def _one_file(storage: Storage) -> RawFiles:
    folder, name = storage.parent()
    return RawFiles(folder, (name,))
