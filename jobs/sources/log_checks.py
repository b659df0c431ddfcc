"""Looks at a log before a job starts, so that a wrong file is named at once and in one line."""

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
class _Wanted:
    """A column that the mapping names, and what its values must be."""

    role: str
    column: Column
    kind: str


def check_log(source: TableSource, files: RawFiles) -> None:
    """Check that every file can be read, holds rows, and has the mapped columns and types.

    Raises:
        InputError: names the file, the column and a value that does not fit.
    """
    _check_files(source, files, list(_log_columns(source)))


def check_items(source: TableSource, raw: str) -> RawFiles | None:
    """Check the item file as ``check_log`` checks the log; returns it, None where there is none."""
    files = item_files(source, raw)
    if files is None or source.items is None:
        return None
    mapped = source.items.model_dump(exclude={"path"}, exclude_none=True)
    wanted = [
        _Wanted(f"items.{role}", column, source.ids if role == "item_id" else "any")
        for role, column in mapped.items()
    ]
    _check_files(source, files, wanted)
    return files


def _check_files(source: TableSource, files: RawFiles, wanted: Iterable[_Wanted]) -> None:
    for path, name in zip(files.paths, files.names(), strict=True):
        sample = read_sample(source, files.storage, path)
        for item in wanted:
            _check_column(name, sample, item, source)


def read_sample(source: TableSource, storage: Storage, path: str) -> pd.DataFrame:
    """The first rows of a file, columns as stored (CSV: strings)."""
    name = storage.absolute(path)
    if not storage.size(path):
        raise InputError(f"{name} is empty (0 bytes): replace it, or leave its day out")
    if isinstance(source.format, CsvFormat):
        return _csv_sample(source.format, storage, path)
    try:
        with storage.filesystem.open_input_file(name) as stream:
            parquet = pq.ParquetFile(stream)
            if parquet.metadata.num_rows == 0:
                raise InputError(f"{name} holds no rows: replace it, or leave its day out")
            batch = next(parquet.iter_batches(batch_size=SAMPLE_ROWS))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{name} is no complete Parquet file (truncated?): copy it again ({error})"
        ) from error
    return batch.to_pandas(types_mapper=pd.ArrowDtype)


def column_name(frame_columns: Iterable[str], column: Column) -> str | None:
    """The name that a mapped column has in a file; a number is a position from 0."""
    columns = list(frame_columns)
    if isinstance(column, int):
        return columns[column] if column < len(columns) else None
    return column if column in columns else None


def _log_columns(source: TableSource) -> Iterable[_Wanted]:
    columns = source.columns
    yield _Wanted("user_id", columns.user_id, source.ids)
    yield _Wanted("item_id", columns.item_id, source.ids)
    yield _Wanted("ts", columns.ts, "moment" if source.ts_unit == "timestamp" else "number")
    label_kind = "any" if isinstance(source.label.equals, str) else "number"
    yield _Wanted("label", columns.label, label_kind)
    if columns.impression_id is not None:
        yield _Wanted("impression_id", columns.impression_id, source.ids)
    for role, column in columns.context.items():
        yield _Wanted(f"context.{role}", column, "any")


def _check_column(name: str, sample: pd.DataFrame, wanted: _Wanted, source: TableSource) -> None:
    column = column_name(sample.columns, wanted.column)
    if column is None:
        raise InputError(
            f"{name}: no column {wanted.column!r} for {wanted.role}; it has "
            f"{', '.join(map(str, sample.columns))}: correct source.columns in the scenario"
        )
    values = sample[column].dropna()
    if values.empty or wanted.kind in ("any", "string"):
        return
    if wanted.kind == "moment":
        good = pd.to_datetime(values.astype(str), errors="coerce", utc=True, format="mixed").notna()
        expected = "a date or time"
    else:
        good = pd.to_numeric(values.astype(str), errors="coerce").notna()
        if pd.api.types.is_bool_dtype(values.dtype):
            good = pd.Series(wanted.role == "label", index=values.index)
        expected = {"int64": "a whole number (or set source.ids: string)"}.get(
            wanted.kind,
            f"a number (ts_unit is {source.ts_unit})" if wanted.role == "ts" else "a number",
        )
    if not good.any():
        raise InputError(
            f"{name}: column {column!r} holds {str(values.iloc[0])!r} where {wanted.role} needs "
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
        raise InputError(f"{name} holds no rows: replace it, or leave its day out")
    if len(rows) > 1 and is_cut:
        rows.pop()
    columns = [part.strip().strip('"') for part in header]
    cells = [
        [cell.strip('"') for cell in row[: len(columns)]] + [None] * (len(columns) - len(row))
        for row in rows
    ]
    return pd.DataFrame(cells, columns=columns, dtype=object)


def _unpacked(name: str, block: bytes, is_cut: bool) -> bytes:
    """What a gzip file, or the beginning of one, holds."""
    content = b""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(block)) as stream:
            while part := stream.read1(1 << 16):
                content += part
    except EOFError:
        if not is_cut:
            raise InputError(
                f"{name} is no complete gzip file (truncated?): copy it again"
            ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name} is no gzip file ({error}): copy it again") from error
    return content
