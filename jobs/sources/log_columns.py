"""What the columns of a user's Parquet files may hold, checked before a job starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake.schemas import id_type
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario
from jobs.sources.log_location import RawFiles

ColumnRule = tuple[Callable[[pa.DataType], bool], str]
"""Whether a column may have a type, and in words what it must hold."""


def check_types(files: RawFiles, wanted: Mapping[str, ColumnRule]) -> dict[str, pa.DataType]:
    """Types of the wanted columns, the same in every file.

    Raises:
        InputError: a file is not Parquet, or lacks a column, or has one of a type that cannot be
            or that differs from the first file's.
    """
    first: dict[str, pa.DataType] = {}
    for path, name in zip(files.paths, files.names(), strict=True):
        schema = _schema(files.storage, path, name)
        for column, (is_right, kinds) in wanted.items():
            index = schema.get_field_index(column)
            if index < 0:
                raise InputError(
                    f"{name}: there is no column {column!r}: it has {', '.join(schema.names)}"
                )
            kind = schema.field(index).type
            if not is_right(kind):
                raise InputError(f"{name}: column {column} is {kind}, must hold {kinds}")
            if first.setdefault(column, kind) != kind:
                raise InputError(
                    f"{name}: column {column} is {kind}, in {files.names()[0]} it is "
                    f"{first[column]}: export all days alike"
                )
    return first


def id_words(scenario: Scenario) -> str:
    """What a column of ids must hold in a scenario, for its error line."""
    return "whole numbers or strings" if pa.types.is_integer(id_type(scenario)) else "ids"


def is_id(kind: pa.DataType) -> bool:
    """Whole numbers or strings."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )


def is_vector(kind: pa.DataType) -> bool:
    """Lists of numbers."""
    if not (is_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    number = kind.value_type
    return bool(
        pa.types.is_float32(number) or pa.types.is_float64(number) or pa.types.is_integer(number)
    )


def is_list(kind: pa.DataType) -> bool:
    """Lists of any length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_day(kind: pa.DataType) -> bool:
    """Days or moments, or text that may name one."""
    return bool(pa.types.is_date(kind) or pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _schema(storage: Storage, path: str, name: str) -> pa.Schema:
    try:
        with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
            return pq.read_schema(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{name}: is no Parquet file (cut short?), export it again: {error}"
        ) from error
