"""Where a Parquet table of a user's own preference data lies, and what columns it has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import PreferenceTable, Scenario
from jobs.sources.exported_vectors import listed
from jobs.sources.log_columns import (
    ColumnRule,
    check_types,
    id_words,
    is_day,
    is_id,
    is_list,
    is_vector,
)
from jobs.sources.log_location import RawFiles


@dataclass(frozen=True)
class TableFile:
    """path: below the storage. name: as the user knows it."""

    path: str
    name: str
    footer: pq.FileMetaData


@dataclass(frozen=True)
class TableFiles:
    """location: what the storage was made from. types: of the mapped columns, by name."""

    location: str
    storage: Storage
    files: tuple[TableFile, ...]
    types: dict[str, pa.DataType]


def find_table(table: PreferenceTable, scenario: Scenario) -> TableFiles:
    """The table's file, or all files below its folder but hidden ones; their columns are checked.

    Raises:
        InputError: nothing is there, a file is not Parquet or does not have the columns that it
            must, or there is no row at all.
    """
    location = os.path.expandvars(table.path)
    key = f"custom_preferences {table.name}"
    if "$" in location:
        raise InputError(f"{key}: path {table.path!r} names a variable that is not set: export it")
    storage = Storage(location)
    try:
        # A path of nothing below a file is the file itself.
        paths = [""] if storage.size("") is not None else sorted(listed(storage, ""))
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
        raise InputError(f"{key}: {location} holds no row: write the table again")
    return TableFiles(location, storage, files, types)


def _column_rules(table: PreferenceTable, scenario: Scenario) -> dict[str, ColumnRule]:
    ids = id_words(scenario)
    value: ColumnRule = (is_vector, "lists of numbers")
    if table.items is not None:
        value = (lambda kind: is_list(kind) and is_id(kind.value_type), f"lists of {ids}")
    return {
        table.item_id: (is_id, ids),
        value_column(table): value,
        table.available_at: (is_day, "moments or days"),
    }


def value_column(table: PreferenceTable) -> str:
    """The column with the vectors or the lists of items."""
    name = table.items if table.vector is None else table.vector
    assert name is not None
    return name


def _footer(storage: Storage, path: str) -> pq.FileMetaData:
    with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
        return pq.read_metadata(stream)


def earliest_timestamp(footer: pq.FileMetaData, column: str) -> datetime | None:
    """The earliest moment of a file's rows, or None where its footer does not tell."""
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
