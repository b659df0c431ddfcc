"""Writing the simulated feed to Parquet, one folder per day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.disk_full import whole_file
from jobs.common.errors import InputError
from jobs.sources.simulator.day import IMPRESSIONS_SCHEMA, TRUTH_SCHEMA, generate_day
from jobs.sources.simulator.items import alive_items, generate_items
from jobs.sources.simulator.options import SimulatorOptions

TABLES = ("items", "truth", "impressions")

_DIGEST_KEY = b"simulator"


def simulate(
    options: SimulatorOptions,
    out: str,
    days: int,
    start: date | None = None,
    progress: Callable[[date, int], None] | None = None,
) -> list[date]:
    """Write some days of the feed to a local folder.

    Each day has ``impressions``, ``items`` and ``truth``, as
    ``<table>/ds=YYYY-MM-DD/part-0000.parquet``. The items of a day are those born on it. The first
    day of the feed, ``options.start``, also has the items that are already alive, so that the items
    of a feed written from its start cover its impressions.

    Equal options give equal bytes. A day that exists with the same options is kept. A file gets its
    final name only when it is complete.

    Args:
        options: options of the feed.
        out: local folder.
        days: number of days.
        start: first day to write (default: ``options.start``).
        progress: called with each day and its number of impressions.

    Returns:
        The days, written or existing.

    Raises:
        InputError: If the days are out of range, ``out`` is not a usable folder, or a file of one
            of the days was written with other options; nothing is written then.
    """
    requested = _days(options, days, start)
    root = _local_directory(out)
    digest = options.digest().encode()
    complete = {day: _is_complete(root, day, digest) for day in requested}
    for day in requested:
        if not complete[day]:
            _write_day(options, root, day, digest)
        if progress is not None:
            progress(day, options.rows_per_day)
    return requested


def _days(options: SimulatorOptions, days: int, start: date | None) -> list[date]:
    first = options.start if start is None else start
    if days < 1:
        raise InputError(f"days is {days}: simulate at least 1 day")
    if first < options.start:
        raise InputError(f"start {first} is before the feed's first day: use {options.start}")
    if days > (date.max - first).days:
        raise InputError(f"days is {days}: the calendar ends before that, simulate fewer days")
    return [first + timedelta(days=offset) for offset in range(days)]


def _local_directory(out: str) -> Path:
    path = out.removeprefix("file://")
    if "://" in path:
        raise InputError(f"out {out} is not a local path: simulate into a local directory")
    root = Path(path)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"out {out} cannot be created ({reason}): choose another --out") from error
    return root


def _file(root: Path, table: str, day: date) -> Path:
    return root / table / f"ds={day}" / "part-0000.parquet"


def _is_complete(root: Path, day: date, digest: bytes) -> bool:
    """Whether all files of the day exist.

    Raises:
        InputError: If one cannot be read or was written with other options.
    """
    present = [path for table in TABLES if (path := _file(root, table, day)).exists()]
    for path in present:
        try:
            metadata = pq.read_schema(path).metadata or {}
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"{path} is not a readable Parquet file: delete it or choose another --out"
            ) from error
        if metadata.get(_DIGEST_KEY) != digest:
            raise InputError(
                f"{path} was written with other options: delete it or choose another --out"
            )
    return len(present) == len(TABLES)


def _write_day(options: SimulatorOptions, root: Path, day: date, digest: bytes) -> None:
    items = alive_items(options, day) if day == options.start else generate_items(options, day)
    with ExitStack() as files:

        def create(table: str, schema: pa.Schema) -> pq.ParquetWriter:
            return files.enter_context(_new_file(_file(root, table, day), schema, digest))

        # The stack closes in reverse order: impressions appear last, after their items.
        impressions = create("impressions", IMPRESSIONS_SCHEMA)
        truth = create("truth", TRUTH_SCHEMA)
        create("items", items.schema).write_table(items)
        for chunk in generate_day(options, day):
            truth.write_table(chunk.truth)
            impressions.write_table(chunk.impressions)


@contextmanager
def _new_file(path: Path, schema: pa.Schema, digest: bytes) -> Iterator[pq.ParquetWriter]:
    """A Parquet writer; the file appears at ``path`` once the block has ended without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        whole_file(path) as stream,
        pq.ParquetWriter(
            stream, schema.with_metadata({_DIGEST_KEY: digest}), compression="zstd"
        ) as writer,
    ):
        yield writer
