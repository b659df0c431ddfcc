"""Rows of an item file in the columns of the item contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.lake import schemas
from jobs.scenarios import Scenario, TableSource
from jobs.sources.contract.texts import as_text, without_null_words
from jobs.sources.log_location import RawFiles
from jobs.sources.reading.ids import as_ids
from jobs.sources.reading.mapped_table import MappedBatch, MappedTable, Part, map_columns
from jobs.sources.reading.vectors import VECTOR, finite_vectors

_ROLE = "items."
_TEXTS = ("title", "text", "category", "image")


def items_table(source: TableSource, files: RawFiles) -> MappedTable:
    """The item files with their mapped columns.

    Raises:
        InputError: If a file cannot be read or lacks a column, or no file has a row.
    """
    assert source.items is not None
    mapped = source.items.model_dump(exclude={"path", "vectors"}, exclude_none=True)
    mapped |= {name: vectors.column for name, vectors in source.items.vectors.items()}
    columns = {f"{_ROLE}{role}": column for role, column in mapped.items()}
    return map_columns(source.format, files, columns)


def item_schema(scenario: Scenario) -> pa.Schema:
    """Columns of ``items`` that the item file gives, and ``refusal``; see ``row_schema``."""
    fields = [field for field in schemas.items(scenario) if field.name != "first_seen"]
    return pa.schema([*fields, pa.field("refusal", pa.string())])


@dataclass(frozen=True)
class ItemRows:
    """Reads parts of the item files.

    Attributes:
        table: the files.
        source: how their columns are mapped.
        scenario: the feed.
    """

    table: MappedTable
    source: TableSource
    scenario: Scenario

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part in ``item_schema``; an error is a row with a ``refusal``.

        A row with more or fewer columns than the file has no item.
        """
        schema = item_schema(self.scenario)
        try:
            for batch in self.table.batches(part):
                columns = converted_items(batch, self.table, self.source)
                columns["refusal"] = pa.nulls(batch.rows, pa.string())
                yield pa.RecordBatch.from_arrays(
                    [columns[name] for name in schema.names], schema=schema
                )
                others = len(batch.malformed)
                yield pa.RecordBatch.from_arrays(
                    [pa.nulls(others, field.type) for field in schema], schema=schema
                )
        except InputError as error:
            empty = {field.name: pa.nulls(1, field.type) for field in schema}
            empty["refusal"] = pa.array([str(error)])
            yield pa.RecordBatch.from_arrays([*empty.values()], schema=schema)


def converted_items(
    batch: MappedBatch, table: MappedTable, source: TableSource
) -> dict[str, pa.Array]:
    """Convert rows to the columns of ``item_schema``, without ``refusal``.

    Raises:
        InputError: If a column cannot be what is mapped to it.
    """
    role = f"{_ROLE}item_id"
    words = source.null_values
    found = {
        "item_id": as_ids(
            without_null_words(batch.values[role], words), source.ids, batch.where(role)
        )
    }
    for name in _TEXTS:
        role = f"{_ROLE}{name}"
        found[name] = (
            as_text(
                without_null_words(batch.values[role], words), table.types[role], batch.where(role)
            )
            if role in batch.values
            else pa.nulls(batch.rows, pa.string())
        )
    found["vector"] = pa.nulls(batch.rows, VECTOR)
    for name in source.item_vectors:
        role = f"{_ROLE}{name}"
        found[name] = finite_vectors(batch.values[role], found["item_id"], batch.where(role))
    return found
