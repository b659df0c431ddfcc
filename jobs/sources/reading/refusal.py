"""Refusing a value of an external file, in one line that names the value and its item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.sources.reading.mapped_table import MappedBatch

_MOST_SHOWN = 80


def refuse_first(
    is_bad: pa.Array, values: pa.Array, items: pa.Array, where: str, problem: str
) -> None:
    """Refuse the first of the bad rows, if there are any.

    Raises:
        InputError: If there is one. The message has its value and its item.
    """
    row = pc.index(is_bad, True).as_py()
    if row >= 0:
        raise InputError(described(values, items, row, where, problem))


def described(values: pa.Array, items: pa.Array, row: int, where: str, problem: str) -> str:
    """What is wrong with a row, in one line."""
    value, item = values[row].as_py(), items[row].as_py()
    shown = "null" if value is None else str(value) or "''"
    if len(shown) > _MOST_SHOWN:
        shown = f"{shown[: _MOST_SHOWN - 1]}…"
    of_item = "" if item is None else f" (item {item})"
    return f"{where}{shown} {problem}{of_item}"


def refusal_row(schema: pa.Schema, error: InputError) -> pa.RecordBatch:
    """One row that has nothing but the error, in the column ``refusal``.

    A task of Spark gives it to the driver, which raises the error in one line.
    """
    columns = [pa.nulls(1, field.type) for field in schema]
    columns[schema.get_field_index("refusal")] = pa.array([str(error)])
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def converted_batches(
    batches: Iterable[MappedBatch],
    convert: Callable[[MappedBatch], Mapping[str, pa.Array]],
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """Converted rows with their ``file``, up to the first error, which ends them as a row.

    Args:
        batches: rows of a file.
        convert: gives the other columns of the schema.
        schema: what is yielded; it has the columns ``file`` and ``refusal``.
    """
    try:
        for batch in batches:
            columns = {
                **convert(batch),
                "file": pa.array([batch.file] * batch.rows, pa.string()),
                "refusal": pa.nulls(batch.rows, pa.string()),
            }
            arrays = [columns[name] for name in schema.names]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    except InputError as error:
        yield refusal_row(schema, error)
