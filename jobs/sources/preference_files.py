"""Parquet tables of custom preference data: finding the files and checking their columns."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import PreferenceTable, Scenario
from jobs.sources.exported_vectors import list_files
from jobs.sources.log_columns import (
    ColumnRule,
    check_types,
    describe_ids,
    is_day,
    is_id,
    is_list,
    is_vector,
)
from jobs.sources.log_location import RawFiles


@dataclass(frozen=True)
class TableFile:
    """A Parquet file of the table.

    path: relative to the storage. name: the absolute path, for messages. footer: its metadata.
    """

    path: str
    name: str
    footer: pq.FileMetaData


@dataclass(frozen=True)
class TableFiles:
    """The files of a table.

    location: path or URI of the storage. types: types of the mapped columns, by name.
    """

    location: str
    storage: Storage
    files: tuple[TableFile, ...]
    types: dict[str, pa.DataType]


def find_table(table: PreferenceTable, scenario: Scenario) -> TableFiles:
    """Find the file of a table, or all files in its folder, and check their columns.

    Raises:
        InputError: If there is no file, a file is not Parquet or lacks a required column, or no
            file has a row.
    """
    location = os.path.expandvars(table.path)
    key = f"custom_preferences {table.name}"
    if "$" in location:
        raise InputError(f"{key}: path {table.path!r} has a variable that is not set: export it")
    storage = Storage(location)
    try:
        # The empty path relative to a file is the file itself.
        paths = [""] if storage.size("") is not None else sorted(list_files(storage, ""))
    except OSError as error:
        raise InputError(f"{key}: {location} cannot be read: {error}") from error
    if not paths:
        raise InputError(f"{key}: there is no Parquet file at {location}: correct its path")
    found = RawFiles(storage, tuple(paths))
    types = check_types(found, _column_rules(table, scenario))
    files = tuple(
        TableFile(path, name, _footer(storage, path))
        for path, name in zip(found.paths, found.names(), strict=True)
    )
    if not any(file.footer.num_rows for file in files):
        raise InputError(f"{key}: {location} has no rows: write the table again")
    return TableFiles(location, storage, files, types)


def _column_rules(table: PreferenceTable, scenario: Scenario) -> dict[str, ColumnRule]:
    ids = describe_ids(scenario)
    value: ColumnRule = (is_vector, "lists of numbers")
    if table.items is not None:
        value = (lambda kind: is_list(kind) and is_id(kind.value_type), f"lists of {ids}")
    return {
        table.item_id: (is_id, ids),
        value_column(table): value,
        table.available_at: (is_day, "timestamps or dates"),
    }


def value_column(table: PreferenceTable) -> str:
    """Name of the column with the vectors or the lists of items."""
    name = table.items if table.vector is None else table.vector
    assert name is not None
    return name


def _footer(storage: Storage, path: str) -> pq.FileMetaData:
    with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
        return pq.read_metadata(stream)


def earliest_timestamp(footer: pq.FileMetaData, column: str) -> datetime | None:
    """Earliest value of a time column, or None if the file's footer has no statistics of it."""
    leaves = [footer.schema.column(number).path for number in range(footer.num_columns)]
    found: list[datetime] = []
    for number in range(footer.num_row_groups):
        statistics = footer.row_group(number).column(leaves.index(column)).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        value = statistics.min
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if not isinstance(value, datetime):
            return None
        found.append(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
    return min(found, default=None)
