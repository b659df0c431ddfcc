"""Checks of a log before a job starts, so that an invalid file fails early, in one line."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.scenarios import TableSource
from jobs.sources.contract.impression_rows import CONTEXT, NO_DAY, log_columns
from jobs.sources.contract.item_rows import converted_items, items_table
from jobs.sources.contract.labels import label_numbers, labels_of
from jobs.sources.contract.texts import as_text, without_null_words
from jobs.sources.contract.times import likely_unit, times_of, unbounded_times
from jobs.sources.log_location import RawFiles, item_files
from jobs.sources.reading.column_types import as_type, is_number, is_text
from jobs.sources.reading.ids import as_ids
from jobs.sources.reading.mapped_table import MappedBatch, MappedTable, Part, map_columns
from jobs.sources.reading.raw_file import MalformedRow

SAMPLE_ROWS = 1000
_TELLING_ROWS = 20
"""From here on, a file of several in which no value of a column can be read is refused."""

_CORRECT = "correct the file or the scenario's source"
_FLOAT_TEXT = r"^-?\d+\.0$"


class _UnreadableColumn(InputError):
    """No value in the first rows of a file can be what its column is mapped to."""


def check_log(source: TableSource, files: RawFiles) -> MappedTable:
    """Check that every file can be read, and has the mapped columns with types that fit.

    Of each file the first rows are read. A file without rows is left out.

    Returns:
        The files, as they are to be read.

    Raises:
        InputError: If no file has rows, or one is invalid; the message names the file, the column
            and an invalid value.
    """
    table = map_columns(source.format, files, log_columns(source))
    samples = [sample for part in _first_parts(table) if (sample := _sample(table, part))]
    unreadable = []
    for sample in samples:
        try:
            _check_values(source, table, sample)
        except _UnreadableColumn as error:
            if sample.rows >= _TELLING_ROWS or len(samples) == 1:
                raise
            unreadable.append(error)
    if unreadable and len(unreadable) == len(samples):
        raise unreadable[0]
    if not samples:
        name = table.storage.absolute(table.parts[0].path)
        raise InputError(f"{name} has no rows: replace it, or leave its day out")
    return table


def check_items(source: TableSource, raw: str) -> MappedTable | None:
    """Check the item files as ``check_log`` checks the log.

    Returns:
        The item files, or None if the scenario has none.
    """
    files = item_files(source, raw)
    if files is None or source.items is None:
        return None
    table = items_table(source, files)
    for part in _first_parts(table):
        sample = _sample(table, part)
        if sample is not None:
            converted_items(sample, table, source)
            _check_ids(source, "items.item_id", _read(source, sample, "items.item_id"), sample)
    return table


def _first_parts(table: MappedTable) -> list[Part]:
    """One part of each file."""
    return list({part.path: part for part in reversed(table.parts)}.values())[::-1]


def _sample(table: MappedTable, part: Part) -> MappedBatch | None:
    """The first rows of a file; None if it has none.

    Raises:
        InputError: If its rows have another number of columns than its header.
    """
    malformed: list[MalformedRow] = []
    for batch in table.batches(part, SAMPLE_ROWS):
        malformed += batch.malformed
        if batch.rows:
            values = {role: column.slice(0, SAMPLE_ROWS) for role, column in batch.values.items()}
            rows = min(batch.rows, SAMPLE_ROWS)
            return MappedBatch(part, batch.file, rows, values, batch.malformed)
    if malformed:
        raise InputError(
            f"{table.storage.absolute(part.path)}: no row has the {part.columns} columns of its "
            f"first line; one has {malformed[0].columns}: {malformed[0].text[:80]!r}: {_CORRECT}"
        )
    return None


def _read(source: TableSource, sample: MappedBatch, role: str) -> pa.Array:
    return without_null_words(sample.values[role], source.null_values)


def _check_values(source: TableSource, table: MappedTable, sample: MappedBatch) -> None:
    for role in sample.values:
        values, where = _read(source, sample, role), sample.where(role)
        if role.startswith(CONTEXT):
            as_text(values, table.types[role], where)
        elif role == "ts":
            _check_times(source, values, where)
        elif role == "label":
            _check_labels(source, values, where)
        else:
            _check_ids(source, role, values, sample)


def _check_ids(source: TableSource, role: str, values: pa.Array, sample: MappedBatch) -> None:
    where = sample.where(role)
    found = as_ids(values, source.ids, where)
    _require_some(
        values,
        found,
        f"{where} holds",
        f"where {role} needs a whole number (or set source.ids: string): {_CORRECT}",
    )
    if source.ids == "string" and pa.types.is_string(values.type):
        is_float = pc.match_substring_regex(found, _FLOAT_TEXT)
        if found.null_count < len(found) and pc.all(is_float).as_py():
            raise InputError(
                f"{where} holds {_first(found)!r}: pandas writes whole numbers beside a null in "
                "this way, and the same id has another text in a file without nulls: export it as "
                "text, or set source.ids: int64"
            )


def _check_times(source: TableSource, values: pa.Array, where: str) -> None:
    stored = values.drop_null()
    if is_text(stored.type):
        stored = stored.filter(pc.not_equal(as_type(stored, pa.string(), where), ""))
    if not len(stored):
        return
    unit = likely_unit(stored, source, where)
    advice = _CORRECT if unit is None else f"set source.ts_unit: {unit}"
    if source.ts_unit != "timestamp":
        needs = f"a number (ts_unit is {source.ts_unit})"
    elif source.ts_format is not None:
        needs = f"a date or time in the format {source.ts_format!r}"
    else:
        needs = "a date or time"
    value = _first(stored)
    refusal = f"{where} holds {str(value)!r} where ts needs {needs}: {advice}"
    if source.ts_unit == "timestamp" and is_number(stored.type):
        raise InputError(refusal)
    if times_of(values, source, where).null_count < len(values):
        return
    read = [time for time in unbounded_times(stored, source, where).to_pylist() if time]
    if read and read[0].date() != NO_DAY:
        raise InputError(
            f"{where} holds {str(value)!r}, which is {read[0]:%Y-%m-%d} where ts_unit is "
            f"{source.ts_unit}: {advice}"
        )
    raise _UnreadableColumn(refusal)


def _check_labels(source: TableSource, values: pa.Array, where: str) -> None:
    labels_of(values, source.label, where)
    if isinstance(source.label.equals, str):
        return
    found = label_numbers(values, where)
    _require_some(values, found, f"{where} holds", f"where label needs a number: {_CORRECT}")


def _require_some(values: pa.Array, found: pa.Array, holds: str, needs: str) -> None:
    """Check that not all values were unreadable.

    Raises:
        _UnreadableColumn: If they were.
    """
    stored = values.drop_null()
    if found.null_count == len(found) and len(stored):
        texts = [value for value in stored.to_pylist() if value != ""]
        if texts:
            raise _UnreadableColumn(f"{holds} {str(texts[0])!r} {needs}")


def _first(values: pa.Array) -> object:
    return values.drop_null()[0].as_py()
