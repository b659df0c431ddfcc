"""Parquet tables of custom preference data: their files, and their rows as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.common.paths import expand_variables
from jobs.lake.schemas import TIMESTAMP, id_type
from jobs.lake.storage import Storage
from jobs.scenarios import ParquetFormat, PreferenceTable, Scenario
from jobs.sources.contract.item_ids import ids_of, item_ids
from jobs.sources.contract.times import iso_times
from jobs.sources.log_location import RawFiles
from jobs.sources.reading.column_types import as_type, is_list, is_text
from jobs.sources.reading.days import check_day_type
from jobs.sources.reading.ids import check_id_type
from jobs.sources.reading.mapped_table import MappedBatch, MappedTable, Part, map_columns
from jobs.sources.reading.refusal import converted_batches, refuse_first
from jobs.sources.reading.vectors import VECTOR, as_vectors, check_vector_type, plain_lists

_ROLES = {"item_id", "vector", "items", "available_at"}


@dataclass(frozen=True)
class TableFile:
    """A Parquet file of the table.

    path: relative to the storage. footer: its metadata, None if it is empty.
    """

    path: str
    footer: pq.FileMetaData | None


@dataclass(frozen=True)
class TableFiles:
    """The files of a table.

    rows: their mapped columns.
    """

    storage: Storage
    files: tuple[TableFile, ...]
    rows: MappedTable


def find_table(table: PreferenceTable) -> TableFiles:
    """Find the file of a table, or all files in its folder, and check their columns.

    Raises:
        InputError: If there is no file, a file is not Parquet or lacks a required column, a column
            cannot hold what is mapped to it, or no file has a row.
    """
    key = f"custom_preferences {table.name}"
    storage = Storage(expand_variables(table.path, f"{key}: path"))
    try:
        # The empty path relative to a file is the file itself.
        paths = [""] if storage.size("") is not None else storage.data_files("")
    except OSError as error:
        raise InputError(f"{key}: {storage.shown('')} cannot be read: {error}") from error
    if not paths:
        raise InputError(
            f"{key}: there is no Parquet file at {storage.shown('')}: correct its path"
        )
    mapped = table.model_dump(include=_ROLES, exclude_none=True)
    rows = map_columns(ParquetFormat(), RawFiles(storage, tuple(paths)), mapped)
    rows.check_types(
        {
            "item_id": check_id_type,
            "vector": check_vector_type,
            "items": _check_list_type,
            "available_at": check_day_type,
        }
    )
    files = tuple(TableFile(path, _footer(storage, path)) for path in paths)
    return TableFiles(storage, files, rows)


def _check_list_type(kind: pa.DataType, where: str) -> None:
    if not is_list(kind):
        raise InputError(f"{where} is {kind}, must hold lists of item ids: map another column")
    check_id_type(kind.value_type, where)


def _footer(storage: Storage, path: str) -> pq.FileMetaData | None:
    if not storage.size(path):
        return None
    with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
        return pq.read_metadata(stream)


def earliest_timestamp(footer: pq.FileMetaData | None, column: str) -> datetime | None:
    """Earliest value of a time column, or None if the file's footer has no statistics of it."""
    if footer is None:
        return None
    leaves = [footer.schema.column(number).path.strip() for number in range(footer.num_columns)]
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


def table_schema(table: PreferenceTable, scenario: Scenario) -> pa.Schema:
    """Columns of ``TableRows``; ``refusal`` is an error, in a row that has nothing else."""
    ids = id_type(scenario)
    value = VECTOR if table.items is None else pa.list_(ids)
    columns = {"item_id": ids, "value": value, "available_at": TIMESTAMP}
    return pa.schema({**columns, "file": pa.string(), "refusal": pa.string()})


@dataclass(frozen=True)
class TableRows:
    """Reads parts of a table of custom preference data.

    Attributes:
        table: the files.
        source: how their columns are mapped.
        scenario: the feed.
    """

    table: MappedTable
    source: PreferenceTable
    scenario: Scenario

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part in ``table_schema``."""
        batches = self.table.batches(part)
        return converted_batches(batches, self._converted, table_schema(self.source, self.scenario))

    def _converted(self, batch: MappedBatch) -> dict[str, pa.Array]:
        items = item_ids(batch.values["item_id"], self.scenario, batch.where("item_id"))
        moments = _moments(batch.values["available_at"], items, batch.where("available_at"))
        if self.source.items is None:
            value = as_vectors(batch.values["vector"], items, batch.where("vector"))
        else:
            value = _lists(batch.values["items"], items, self.scenario, batch.where("items"))
        return {"item_id": items, "value": value, "available_at": moments}


def _moments(values: pa.Array, items: pa.Array, where: str) -> pa.Array:
    """Moments as timestamps; without a zone they are UTC. Nanoseconds are cut."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if is_text(values.type):
        text = pc.utf8_trim_whitespace(as_type(values, pa.string(), where))
        has_year = pc.fill_null(pc.match_substring_regex(text, r"^\d{4}"), False)
        refuse_first(pc.invert(has_year), values, items, f"{where}: ", "is not a timestamp")
        moments = iso_times(text, where)
    else:
        in_units = values.cast(pa.timestamp("ms")) if pa.types.is_date(values.type) else values
        moments = in_units.cast(TIMESTAMP, safe=False)
    refuse_first(pc.is_null(moments), values, items, f"{where}: ", "is not a timestamp")
    return moments


def _lists(values: pa.Array, items: pa.Array, scenario: Scenario, where: str) -> pa.Array:
    """Lists of items as lists of ids."""
    lists = plain_lists(values)
    refuse_first(pc.is_null(lists), values, items, f"{where}: ", "is not a list")
    elements = ids_of(pc.list_flatten(lists), scenario, where)
    is_bad = np.zeros(len(values), bool)
    is_bad[pc.filter(pc.list_parent_indices(lists), pc.is_null(elements)).to_numpy()] = True
    problem = "has a value that is not an item id"
    refuse_first(pa.array(is_bad), values, items, f"{where}: ", problem)
    ends = np.cumsum(pc.list_value_length(lists).to_numpy())
    return pa.ListArray.from_arrays(np.concatenate([[0], ends]).astype(np.int32), elements)
