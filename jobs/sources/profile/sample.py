"""The first rows of a log that no scenario describes yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.lake.location import is_hidden
from jobs.lake.storage import Storage
from jobs.scenarios import Column, CsvFormat, ImpressionColumns, ParquetFormat, TableSource
from jobs.sources.log_location import DAY, log_files
from jobs.sources.reading.mapped_table import Format, open_file
from jobs.sources.reading.raw_file import RawBatch, RawFile

SAMPLE_ROWS = 20_000
_DELIMITERS = (",", "\t", ";", "|", "\x01", "::")
"""The last but one is that of Hive, the last that of MovieLens."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PARQUET = (".parquet", ".pq", ".parq")
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class LogSample:
    """Where a log is, and its first rows.

    Attributes:
        raw: Folder or URI of the log.
        path: The file or folder below it, with ``{ds}`` for the day.
        form: Format of the files.
        file: Name of the file that was looked at.
        columns: The stored values of each column, by its name; by its position if the file has no
            header.
    """

    raw: str
    path: str
    form: Format
    file: str
    columns: dict[Column, pa.Array]


def sample_log(log: str) -> LogSample:
    """Find out the layout and the format of a log, and read its first rows.

    Args:
        log: File, folder of files, or folder with a file or folder for each day; path or URI.

    Raises:
        InputError: If there is no log, or it cannot be read.
    """
    raw, path = _layout(log)
    files = log_files(unmapped(path), raw)
    for name in files.paths:
        form = _format(files.storage, name) if files.storage.size(name) else ParquetFormat()
        file = open_file(form, files.storage, name)
        batches = _first_batches(file)
        if batches:
            break
    else:
        raise InputError(f"{files.names()[0]} has no rows: give a log with rows")
    has_header = not isinstance(form, CsvFormat) or form.header
    columns: dict[Column, pa.Array] = {}
    for position in range(len(file.names)):
        values = pa.chunked_array([batch.columns[position] for batch in batches])
        column = file.names[position].strip() if has_header else position
        columns.setdefault(column, values.slice(0, SAMPLE_ROWS).combine_chunks())
    return LogSample(raw, path, form, file.name, columns)


def _first_batches(file: RawFile) -> list[RawBatch]:
    """The first ``SAMPLE_ROWS`` rows of all columns, and up to a batch more; empty without rows."""
    found: list[RawBatch] = []
    for batch in file.batches(range(len(file.names)), rows=SAMPLE_ROWS):
        if batch.rows:
            found.append(batch)
        if sum(one.rows for one in found) >= SAMPLE_ROWS:
            break
    return found


def unmapped(path: str = "", form: Format | None = None) -> TableSource:
    """A source whose columns are not known yet."""
    columns = ImpressionColumns(user_id=0, item_id=0, ts=0, label=0)
    return TableSource(path=path, columns=columns, format=form or ParquetFormat())


def _layout(log: str) -> tuple[str, str]:
    """The place of a log, and the path of its files below."""
    storage = Storage(log)
    place = storage.absolute("") if storage.is_local else log.rstrip("/")
    if storage.size("") is not None:
        folder, _, name = place.rpartition("/")
        return folder or "/", name
    names = [name for name in (*storage.folders(""), *storage.files("")) if not is_hidden(name)]
    patterns = {_DAY.sub(DAY, name, count=1) for name in names}
    if len(patterns) == 1 and DAY in (pattern := patterns.pop()):
        return place, pattern
    return place, ""


def _format(storage: Storage, path: str) -> Format:
    name = storage.absolute(path)
    with storage.filesystem.open_input_stream(name, compression=None) as stream:
        begin = stream.read(len(_MAGIC))
    if begin == _MAGIC or path.endswith(_PARQUET):
        return ParquetFormat()
    found: list[tuple[int, CsvFormat]] = []
    for encoding in ("utf-16",) if begin.startswith(_UTF_16_MARKS) else ("utf-8", "latin-1"):
        for delimiter in _DELIMITERS:
            form = CsvFormat(delimiter=delimiter, encoding=encoding)
            width = _width(form, storage, path)
            if width is not None:
                found.append((width, form))
        # An encoding that can read the file is not doubted: latin-1 can read any.
        if found:
            break
    if not found:
        raise InputError(
            f"{name} is neither Parquet nor delimited text: give a Parquet or CSV file, or a "
            "folder of them"
        )
    width, form = max(found, key=lambda one: one[0])
    # A header alone has no width, and rows neither.
    if 0 < width < 4:
        raise InputError(
            f"{name} has {width} columns, and a log needs four: user, item, time and label"
        )
    return form.model_copy(update={"header": _has_header(form, storage, path)})


def _width(form: CsvFormat, storage: Storage, path: str) -> int | None:
    """Number of columns that nearly all rows have; None if the file cannot be read so."""
    try:
        file = open_file(form, storage, path)
        batch = next(iter(file.batches(range(len(file.names)))), None) if file.names else None
    except InputError:
        return None
    if batch is not None and len(batch.malformed) > 0.05 * (batch.rows + len(batch.malformed)):
        return 1
    return len(file.names)


def _has_header(form: CsvFormat, storage: Storage, path: str) -> bool:
    """Whether the first line has names: none of its cells is a number, or empty."""
    cells: Sequence[str] = open_file(form, storage, path).names
    return not any(re.fullmatch(r"\s*|[-+]?\d+(\.\d*)?", cell) for cell in cells)
