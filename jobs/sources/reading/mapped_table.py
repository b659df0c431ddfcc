"""Files of one table, each with the positions of its mapped columns, and the types of all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios.sources import Column, CsvFormat, ParquetFormat
from jobs.sources.log_location import RawFiles
from jobs.sources.reading.column_types import common_type, plain_type
from jobs.sources.reading.csv_file import CsvFile
from jobs.sources.reading.header import find_column
from jobs.sources.reading.parquet_file import ParquetFile
from jobs.sources.reading.raw_file import BATCH_ROWS, MalformedRow, RawFile

log = logging.getLogger(__name__)

_PART_ROWS = 1 << 18
Format = CsvFormat | ParquetFormat


@dataclass(frozen=True)
class Part:
    """What one task reads of a file.

    Attributes:
        path: path of the file in its storage.
        positions: position of the column of each role.
        names: names of these columns in the file.
        columns: number of all columns of the file.
        groups: numbers of the row groups of a Parquet file; None for all rows.
        types: stored type of the column of each role.
    """

    path: str
    positions: Mapping[str, int]
    names: Mapping[str, str]
    columns: int
    groups: tuple[int, ...] | None = None
    types: Mapping[str, pa.DataType] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedBatch:
    """Some rows of a file.

    Attributes:
        part: the part of the file that they are in.
        file: name of the file.
        rows: number of the rows.
        values: values as stored, by role.
        malformed: rows with more or fewer columns, which are not among the others.
    """

    part: Part
    file: str
    rows: int
    values: Mapping[str, pa.Array]
    malformed: tuple[MalformedRow, ...]

    def where(self, role: str) -> str:
        """The file and the column of a role, for errors."""
        return f"{self.file}: column {self.part.names[role]!r}"


@dataclass(frozen=True)
class MappedTable:
    """All files of a table that have rows.

    Attributes:
        form: format of the files.
        storage: where they are.
        parts: what there is to read, in order of the files.
        types: the type that the column of each role is read as.
    """

    form: Format
    storage: Storage
    parts: tuple[Part, ...]
    types: Mapping[str, pa.DataType]

    def check_types(self, checks: Mapping[str, Callable[[pa.DataType, str], None]]) -> None:
        """Check the stored types of mapped columns.

        Args:
            checks: by role, what raises an error for a type that is not allowed; it gets the type,
                and the file and the column for the message.

        Raises:
            InputError: If a file has a type that is not allowed.
        """
        for part in self.parts:
            for role, kind in part.types.items():
                name = self.storage.absolute(part.path)
                checks[role](kind, f"{name}: column {part.names[role]!r}")

    def batches(self, part: Part, rows: int = BATCH_ROWS) -> Iterator[MappedBatch]:
        """Read a part.

        Raises:
            InputError: If the file is damaged or cannot be decoded.
        """
        file = open_file(self.form, self.storage, part.path)
        for batch in file.batches(sorted({*part.positions.values()}), part.groups, rows):
            values = {role: batch.columns[position] for role, position in part.positions.items()}
            yield MappedBatch(part, file.name, batch.rows, values, batch.malformed)


def open_file(form: Format, storage: Storage, path: str) -> RawFile:
    """Open a file and read its header.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        if isinstance(form, CsvFormat):
            return CsvFile(form, storage, path)
        return ParquetFile(storage, path)
    except OSError as error:
        raise InputError(f"{storage.absolute(path)} cannot be read: {error}") from error


def map_columns(form: Format, files: RawFiles, columns: Mapping[str, Column]) -> MappedTable:
    """Find the mapped columns in the header of every file.

    Files without a row are left out.

    Args:
        form: format of the files.
        files: the files.
        columns: the mapped column of each role.

    Raises:
        InputError: If a file cannot be read or lacks a column, its types have no common one, or no
            file has a row.
    """
    parts: list[Part] = []
    types: dict[str, dict[str, pa.DataType]] = {role: {} for role in columns}
    empty: list[str] = []
    for path, name in zip(files.paths, files.names(), strict=True):
        file = open_file(form, files.storage, path)
        if not file.names or (isinstance(file, ParquetFile) and not file.rows):
            empty.append(name)
            continue
        positions = {
            role: find_column(name, file.names, column, role) for role, column in columns.items()
        }
        named = {role: file.names[position].strip() for role, position in positions.items()}
        for role, position in positions.items():
            types[role][name] = file.types[position]
        stored = {role: file.types[position] for role, position in positions.items()}
        parts += [
            Part(path, positions, named, len(file.names), lot, stored) for lot in _groups(file)
        ]
    if not parts:
        raise InputError(f"{_described(files, empty[0])}: replace it, or leave its day out")
    if empty:
        log.info("%d of %d files have no rows, such as %s", len(empty), len(files.paths), empty[0])
    _check_positions(columns, parts, files.storage)
    common = {role: _role_type(role, columns[role], by_file) for role, by_file in types.items()}
    return MappedTable(form, files.storage, tuple(parts), common)


def _role_type(role: str, column: Column, by_file: Mapping[str, pa.DataType]) -> pa.DataType:
    kinds = [plain_type(kind) for kind in by_file.values()]
    is_number = all(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
        for kind in kinds
    )
    # Labels may have fractions in some files only, as a rule reads them as floats.
    if role == "label" and is_number:
        return pa.float64()
    return common_type(str(column), by_file)


def _groups(file: RawFile) -> Iterator[tuple[int, ...] | None]:
    """Row groups of a Parquet file in lots of equal size, about."""
    if not isinstance(file, ParquetFile):
        yield None
        return
    lot: list[int] = []
    rows = 0
    for number, count in enumerate(file.group_rows):
        lot.append(number)
        rows += count
        if rows >= _PART_ROWS:
            yield tuple(lot)
            lot, rows = [], 0
    if lot:
        yield tuple(lot)


def _check_positions(
    columns: Mapping[str, Column], parts: Sequence[Part], storage: Storage
) -> None:
    """Check that a column mapped by its position has one name in all files.

    Raises:
        InputError: If it has another one in some file.
    """
    first = parts[0]
    for role, column in columns.items():
        for part in parts if isinstance(column, int) else ():
            if part.names[role] != first.names[role]:
                raise InputError(
                    f"{storage.absolute(part.path)}: column {column} is {part.names[role]!r}, but "
                    f"{first.names[role]!r} in {storage.absolute(first.path)}: map it by its name"
                )


def _described(files: RawFiles, name: str) -> str:
    path = files.paths[files.names().index(name)]
    return f"{name} has no rows" if files.storage.size(path) else f"{name} is empty (0 bytes)"
