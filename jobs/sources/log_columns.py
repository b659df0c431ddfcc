"""Types of columns in external Parquet files, checked before a job starts."""

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
"""A predicate on the type of a column, and a description of the expected values for errors."""


def check_types(files: RawFiles, required: Mapping[str, ColumnRule]) -> dict[str, pa.DataType]:
    """Types of the required columns, by name; they are equal in all files.

    Raises:
        InputError: If a file is not Parquet, lacks a column, or has one of a type that is not
            allowed or differs from that of the first file.
    """
    first: dict[str, pa.DataType] = {}
    for path, name in zip(files.paths, files.names(), strict=True):
        schema = _schema(files.storage, path, name)
        for column, (is_allowed, description) in required.items():
            index = schema.get_field_index(column)
            if index < 0:
                raise InputError(
                    f"{name}: there is no column {column!r}: it has {', '.join(schema.names)}"
                )
            kind = schema.field(index).type
            if not is_allowed(kind):
                raise InputError(f"{name}: column {column} is {kind}, must hold {description}")
            if first.setdefault(column, kind) != kind:
                raise InputError(
                    f"{name}: column {column} is {kind}, but "
                    f"{first[column]} in {files.names()[0]}: export all files with the same types"
                )
    return first


def describe_ids(scenario: Scenario) -> str:
    """Description of the values of an id column in a scenario, for error messages."""
    return "whole numbers or strings" if pa.types.is_integer(id_type(scenario)) else "ids"


def is_id(kind: pa.DataType) -> bool:
    """Whether a type is whole numbers or strings."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )


def is_vector(kind: pa.DataType) -> bool:
    """Whether a type is lists of numbers, of fixed or variable length."""
    if not (is_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    number = kind.value_type
    return bool(
        pa.types.is_float32(number) or pa.types.is_float64(number) or pa.types.is_integer(number)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is lists of variable length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_day(kind: pa.DataType) -> bool:
    """Whether a type is dates, timestamps, or strings, which may be either."""
    return bool(pa.types.is_date(kind) or pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _schema(storage: Storage, path: str, name: str) -> pa.Schema:
    try:
        with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
            return pq.read_schema(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{name} is not a Parquet file (truncated?): export it again ({error})"
        ) from error
