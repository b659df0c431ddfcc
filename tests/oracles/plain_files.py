"""The records of a file, read one character or value at a time."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
Content = tuple[list[str], list[pa.DataType], list[list[Any]], int]
"""Names and types of columns, rows, and the number of rows with another number of columns."""


class Refusal(Exception):
    """The log must be refused."""


def content_of(options: Mapping[str, Any], path: Path) -> Content:
    if path.stat().st_size == 0:
        return [], [], [], 0
    return _csv(options, path) if options["kind"] == "csv" else _parquet(path)


def _csv(options: Mapping[str, Any], path: Path) -> Content:
    unpack = {".gz": gzip.decompress, ".bz2": bz2.decompress}
    codecs = {".zst": "zstd", ".lz4": "lz4"}
    content = path.read_bytes()
    if path.suffix in (".zip", ".xz"):
        raise Refusal(path.suffix)
    if path.suffix in unpack:
        content = unpack[path.suffix](content)
    elif path.suffix in codecs:
        content = pa.input_stream(pa.py_buffer(content), compression=codecs[path.suffix]).read()
    # Bytes that are no text of the encoding do not matter in an unmapped column.
    text = content.decode(options.get("encoding", "utf-8"), errors="surrogateescape")
    text = text.removeprefix("\ufeff")
    records = list(_records(text, options.get("delimiter", ",")))
    if not records:
        return [], [], [], 0
    names = records.pop(0) if options.get("header", True) else ["" for _ in records[0]]
    rows = [record for record in records if len(record) == len(names)]
    return names, [pa.string()] * len(names), rows, len(records) - len(rows)


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Records as in RFC 4180; a delimiter may have several characters. Empty lines are skipped."""
    record, value, at, was_quoted = [], "", 0, False
    while at < len(text):
        if text[at] == '"' and not value and not was_quoted:
            end = at + 1
            while True:
                end = text.find('"', end)
                if end < 0:
                    raise Refusal("a quote that never closes")
                if text[end : end + 2] != '""':
                    break
                end += 2
            value, at, was_quoted = text[at + 1 : end].replace('""', '"'), end + 1, True
        elif text.startswith(delimiter, at):
            record.append(value)
            value, at, was_quoted = "", at + len(delimiter), False
        elif text[at] in "\r\n":
            at += 2 if text[at : at + 2] == "\r\n" else 1
            if record or value or was_quoted:
                yield [*record, value]
            record, value, was_quoted = [], "", False
        else:
            value, at = value + text[at], at + 1
    if record or value or was_quoted:
        yield [*record, value]


def _parquet(path: Path) -> Content:
    table = pq.ParquetFile(path).read()
    columns = [
        [_plain(scalar) for chunk in column.chunks for scalar in chunk] for column in table.columns
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return table.column_names, table.schema.types, rows, 0


def _plain(scalar: pa.Scalar) -> Any:
    """A Python value; a timestamp as whole microseconds since 1970."""
    if scalar.as_py() is None:
        return None
    if pa.types.is_timestamp(scalar.type):
        return scalar.value * 10**6 // PER_SECOND[scalar.type.unit]
    return scalar.as_py()
