"""What a listing tells of the files of a log: how many, how large, how new. No file is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from jobs.lake.manifest import digest_of
from jobs.lake.storage import Storage
from jobs.scenarios import TableSource
from jobs.sources.log_location import DAY, days_of_log, has_day_in_path, log_path


@dataclass(frozen=True)
class RawState:
    """The state of the files that hold a day of a log.

    Attributes:
        location: Where the log lies, without password.
        files: Number of files.
        size: Their size together, in bytes.
        sizes: Digest of their paths below the location, and of the size of each.
        times: Digest of the same, and of when each was last written.
    """

    location: str
    files: int
    size: int
    sizes: str
    times: str

    def change_since(self, before: RawState) -> str | None:
        """Say how the files differ from an earlier state of them; None where they do not.

        Files that are gone are no change: raw logs are removed after some weeks, and what was
        ingested of them stays. A copy of a log has new times, so at another location only names and
        sizes count.
        """
        if not self.files or self.sizes == before.sizes:
            is_rewritten = self.location == before.location and self.times != before.times
            return "its raw files were written again" if self.files and is_rewritten else None
        return (
            f"its raw files were {before.files} ({before.size:,} bytes) when it was ingested, and "
            f"are {self.files} ({self.size:,} bytes) now"
        )


@dataclass(frozen=True)
class RawListing:
    """The states of the files of a log.

    Attributes:
        by_day: Those of the days that have files of their own.
        of_others: That of every other day.
    """

    by_day: Mapping[date, RawState]
    of_others: RawState

    def of(self, day: date) -> RawState:
        """The state of the files that hold a day."""
        return self.by_day.get(day, self.of_others)


def list_raw_files(
    source: TableSource, raw: str, first: date | None = None, last: date | None = None
) -> RawListing:
    """List the files of the days of a log.

    Without a day in its path, each file of a log may hold rows of any day, so that the state of a
    day is that of all files.

    Args:
        source: Options with the path.
        raw: Path or URI that the path is relative to.
        first: First day (default: the first of the log).
        last: Last day, included (default: the last of the log).

    Raises:
        InputError: If a folder of the log cannot be listed.
    """
    storage, path = log_path(source, raw)
    if not has_day_in_path(source):
        return RawListing({}, _state(storage, path))
    days = [
        day
        for day in days_of_log(source, raw)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    by_day = {day: _state(storage, path.replace(DAY, day.isoformat())) for day in days}
    return RawListing(by_day, _summed_up(storage, []))


def _state(storage: Storage, path: str) -> RawState:
    """The state of a file, or of all data files in a folder and its subfolders."""
    return _summed_up(
        storage, [path] if storage.size(path) is not None else storage.data_files(path)
    )


def _summed_up(storage: Storage, paths: Sequence[str]) -> RawState:
    found = storage.filesystem.get_file_info([storage.absolute(one) for one in paths])
    sizes = [(one, info.size) for one, info in zip(paths, found, strict=True)]
    times = [(*size, info.mtime_ns) for size, info in zip(sizes, found, strict=True)]
    return RawState(
        location=storage.shown(""),
        files=len(paths),
        size=sum(size for _, size in sizes),
        sizes=digest_of(sizes),
        times=digest_of(times),
    )
