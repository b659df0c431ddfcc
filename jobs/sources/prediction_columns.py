"""The columns of a file of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from jobs.sources.reading.column_types import is_text, plain_type
from jobs.sources.reading.header import find_column

MOST_SLICE_VALUES = 1000
"""A further column with more values than this is an id and not a slice."""


@dataclass(frozen=True)
class PredictionColumns:
    """The columns of a file of predictions, by the name that each has there.

    ``day`` and ``seed`` may be missing from the file. Rows of one day are compared with each
    other; rows of several seeds describe the same impressions, in the same order for each seed.
    """

    user: str = "user"
    label: str = "label"
    baseline: str = "baseline"
    treatment: str = "treatment"
    day: str = "day"
    seed: str = "seed"

    @property
    def required(self) -> tuple[str, ...]:
        return (self.user, self.label, self.baseline, self.treatment)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(getattr(self, one.name) for one in fields(self))

    def used(self, path: str, schema: pa.Schema, slices: Sequence[str] | None) -> dict[str, str]:
        """Name in the file of each column that is used, by the name that it is mapped to.

        Args:
            path: the file, for errors.
            schema: its schema.
            slices: columns whose values are compared apart; by default all that can be.

        Raises:
            InputError: If two columns have the name of one that is used.
        """
        names = schema.names
        present = {name.strip() for name in names}
        used = {
            name: names[find_column(path, names, name, "the comparison")]
            for name in (*self.names, *(slices or ()))
            if name in present
        }
        for name, kind in zip(names, schema.types, strict=True):
            is_free = names.count(name) == 1 and name not in used.values()
            if slices is None and is_free and is_word(kind):
                used[name] = name
        return used


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is whole numbers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_word(kind: pa.DataType) -> bool:
    """Whether a type is text, whole numbers or booleans."""
    plain = plain_type(kind)
    return bool(is_text(plain) or pa.types.is_integer(plain) or pa.types.is_boolean(plain))


def can_be_sliced(column: pa.ChunkedArray) -> bool:
    """Whether a further column has few enough values to compare them apart."""
    return bool(
        is_word(column.type) and pc.count_distinct(decoded(column)).as_py() <= MOST_SLICE_VALUES
    )


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without a dictionary."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
