"""Checks of a log before a job starts, so that an invalid file fails early, in one line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import Column, CsvFormat, TableSource
from jobs.sources.log_location import RawFiles, item_files

SAMPLE_ROWS = 1000
_SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class _RequiredColumn:
    """A mapped column.

    role: what the column is used for, such as ``user_id`` or ``context.hour``.
    column: its name or position. kind: ``string``, ``int64``, ``number``, ``timestamp`` or ``any``.
    """

    role: str
    column: Column
    kind: str


def check_log(source: TableSource, files: RawFiles) -> None:
    """Check that every file can be read, has rows, and has the mapped columns and types.

    Raises:
        InputError: If one does not; the message names the file, the column and an invalid value.
    """
    _check_files(source, files, list(_log_columns(source)))


def check_items(source: TableSource, raw: str) -> RawFiles | None:
    """Check the item files as ``check_log`` checks the log.

    Returns:
        The item files, or None if the scenario has none.
    """
    files = item_files(source, raw)
    if files is None or source.items is None:
        return None
    mapped = source.items.model_dump(exclude={"path"}, exclude_none=True)
    required = [
        _RequiredColumn(f"items.{role}", column, source.ids if role == "item_id" else "any")
        for role, column in mapped.items()
    ]
    _check_files(source, files, required)
    return files


def _check_files(source: TableSource, files: RawFiles, required: Iterable[_RequiredColumn]) -> None:
    for path, name in zip(files.paths, files.names(), strict=True):
        sample = read_sample(source, files.storage, path)
        for column in required:
            _check_column(name, sample, column, source)


def read_sample(source: TableSource, storage: Storage, path: str) -> pd.DataFrame:
    """The first rows of a file, with columns as stored (CSV: strings).

    Raises:
        InputError: If the file has no rows or cannot be read.
    """
    name = storage.absolute(path)
    if not storage.size(path):
        raise InputError(f"{name} is empty (0 bytes): replace it, or leave its day out")
    if isinstance(source.format, CsvFormat):
        return _csv_sample(source.format, storage, path)
    try:
        with storage.filesystem.open_input_file(name) as stream:
            parquet = pq.ParquetFile(stream)
            if parquet.metadata.num_rows == 0:
                raise InputError(f"{name} has no rows: replace it, or leave its day out")
            batch = next(parquet.iter_batches(batch_size=SAMPLE_ROWS))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{name} is not a complete Parquet file (truncated?): copy it again ({error})"
        ) from error
    return batch.to_pandas(types_mapper=pd.ArrowDtype)


def column_name(frame_columns: Iterable[str], column: Column) -> str | None:
    """Name of a mapped column in a file, None if it is missing; a number is a position from 0."""
    columns = list(frame_columns)
    if isinstance(column, int):
        return columns[column] if column < len(columns) else None
    return column if column in columns else None


def _log_columns(source: TableSource) -> Iterable[_RequiredColumn]:
    columns = source.columns
    yield _RequiredColumn("user_id", columns.user_id, source.ids)
    yield _RequiredColumn("item_id", columns.item_id, source.ids)
    yield _RequiredColumn(
        "ts", columns.ts, "timestamp" if source.ts_unit == "timestamp" else "number"
    )
    label_kind = "any" if isinstance(source.label.equals, str) else "number"
    yield _RequiredColumn("label", columns.label, label_kind)
    if columns.impression_id is not None:
        yield _RequiredColumn("impression_id", columns.impression_id, source.ids)
    for role, column in columns.context.items():
        yield _RequiredColumn(f"context.{role}", column, "any")


def _check_column(
    name: str, sample: pd.DataFrame, required: _RequiredColumn, source: TableSource
) -> None:
    column = column_name(sample.columns, required.column)
    if column is None:
        raise InputError(
            f"{name}: no column {required.column!r} for {required.role}; it has "
            f"{', '.join(map(str, sample.columns))}: correct source.columns in the scenario"
        )
    values = sample[column].dropna()
    if values.empty or required.kind in ("any", "string"):
        return
    if required.kind == "timestamp":
        times = pd.to_datetime(values.astype(str), errors="coerce", utc=True, format="mixed")
        is_valid = times.notna()
        expected = "a date or time"
    else:
        is_valid = pd.to_numeric(values.astype(str), errors="coerce").notna()
        if pd.api.types.is_bool_dtype(values.dtype):
            is_valid = pd.Series(required.role == "label", index=values.index)
        expected = {"int64": "a whole number (or set source.ids: string)"}.get(
            required.kind,
            f"a number (ts_unit is {source.ts_unit})" if required.role == "ts" else "a number",
        )
    if not is_valid.any():
        raise InputError(
            f"{name}: column {column!r} holds {str(values.iloc[0])!r} where {required.role} needs "
            f"{expected}: correct the file or the scenario's source"
        )


def _csv_sample(options: CsvFormat, storage: Storage, path: str) -> pd.DataFrame:
    name = storage.absolute(path)
    with storage.filesystem.open_input_stream(name, compression=None) as stream:
        block = stream.read(_SAMPLE_BYTES)
    is_cut = len(block) == _SAMPLE_BYTES
    if path.endswith(".gz"):
        block = _unpacked(name, block, is_cut)
    lines = block.decode("utf-8", errors="replace").splitlines()[: SAMPLE_ROWS + 1]
    rows = [line.split(options.delimiter) for line in lines if line]
    if options.header:
        header, rows = (rows[0] if rows else []), rows[1:]
    else:
        header = [f"_c{position}" for position in range(max(map(len, rows), default=0))]
    if not rows:
        raise InputError(f"{name} has no rows: replace it, or leave its day out")
    if len(rows) > 1 and is_cut:
        rows.pop()
    columns = [part.strip().strip('"') for part in header]
    cells = [
        [cell.strip('"') for cell in row[: len(columns)]] + [None] * (len(columns) - len(row))
        for row in rows
    ]
    return pd.DataFrame(cells, columns=columns, dtype=object)


def _unpacked(name: str, block: bytes, is_cut: bool) -> bytes:
    """Uncompressed content of a gzip file, or of its beginning if ``is_cut``."""
    content = b""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(block)) as stream:
            while part := stream.read1(1 << 16):
                content += part
    except EOFError:
        if not is_cut:
            raise InputError(
                f"{name} is not a complete gzip file (truncated?): copy it again"
            ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name} is not a gzip file ({error}): copy it again") from error
    return content
