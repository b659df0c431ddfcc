"""Scores that a production system made: a Parquet file of two scores for each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.sources.prediction_columns import (
    PredictionColumns,
    can_be_sliced,
    decoded,
    is_number,
    is_word,
)
from jobs.sources.reading.column_types import as_type, is_text, plain_type
from jobs.sources.reading.ids import as_ids, check_id_type


@dataclass(frozen=True, eq=False)
class PredictedDay:
    """The rows of one day.

    Args:
        day: The day.
        users: User id of each row, int64 or string, shape (rows,).
        labels: 0 or 1, int8, shape (rows,).
        baseline: Scores of the present system, float64, shape (seeds, rows).
        treatment: Scores of the system compared with it, float64, shape (seeds, rows).
        slices: Value of each row by slice name, str, shape (rows,).
    """

    day: date
    users: pa.Array
    labels: NDArray[np.int8]
    baseline: NDArray[np.float64]
    treatment: NDArray[np.float64]
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


class PredictionFile:
    """A Parquet file of predictions, checked as a whole before any day is compared.

    Args:
        path: The file: a local path, or a URI of object storage.
        columns: The names of its columns.
        as_of: The day of all rows, where the file has no column of days.
        slices: Columns whose values are compared apart; by default every further column of
            strings, whole numbers or booleans with at most ``MOST_SLICE_VALUES`` values.

    Raises:
        InputError: If the file cannot be read, a column is missing or of another type, or a value
            is null, no label or no number. The line names file, column and value.
    """

    def __init__(
        self,
        path: str,
        columns: PredictionColumns | None = None,
        as_of: date | None = None,
        slices: Sequence[str] | None = None,
    ) -> None:
        self.path = path
        self.columns = columns or PredictionColumns()
        content = self._read()
        table = self._parsed(content, as_of, slices)
        self._users = self._ids(self.columns.user, table[self.columns.user])
        self._labels = self._checked_labels(table[self.columns.label])
        self._scores = {
            name: self._checked_scores(name, table[name])
            for name in (self.columns.baseline, self.columns.treatment)
        }
        rows = table.num_rows
        self._days = self._dates(table) if as_of is None else np.full(rows, np.datetime64(as_of))
        self._seeds = self._seed_codes(table)
        self._slices = self._slice_values(table, slices)
        self.digest = sha256(content).hexdigest()

    def __iter__(self) -> Iterator[PredictedDay]:
        """The days, ascending.

        Raises:
            InputError: If the seeds of a day do not describe the same rows, or days have
                different numbers of seeds.
        """
        seeds: int | None = None
        for day in map(self._day, np.unique(self._days)):
            if seeds not in (None, len(day.baseline)):
                raise InputError(
                    f"{self.path}: column {self.columns.seed!r}: {day.day} has {len(day.baseline)} "
                    f"seeds and the days before have {seeds}: score every day with the same seeds"
                )
            seeds = len(day.baseline)
            yield day

    def _day(self, day: np.datetime64) -> PredictedDay:
        of_day = np.flatnonzero(self._days == day)
        seeds = np.unique(self._seeds[of_day])
        by_seed = [of_day[self._seeds[of_day] == seed] for seed in seeds]
        first = by_seed[0]
        for rows in by_seed[1:]:
            if len(rows) != len(first) or not (
                np.array_equal(self._labels[rows], self._labels[first])
                and self._users.take(rows).equals(self._users.take(first))
            ):
                raise InputError(
                    f"{self.path}: column {self.columns.seed!r}: on {day} the seeds do not hold "
                    "the same users and labels in the same order: sort every seed alike"
                )
        baseline, treatment = (
            np.stack([self._scores[name][rows] for rows in by_seed])
            for name in (self.columns.baseline, self.columns.treatment)
        )
        return PredictedDay(
            day=day.astype("datetime64[D]").astype(date),
            users=self._users.take(first),
            labels=self._labels[first],
            baseline=baseline,
            treatment=treatment,
            slices={name: values[first] for name, values in self._slices.items()},
        )

    def _read(self) -> bytes:
        storage = Storage(self.path)
        content = storage.read("") if storage.size("") is not None else None
        if content is None:
            raise InputError(f"{self.path} does not exist: give a Parquet file")
        return content

    def _parsed(self, content: bytes, as_of: date | None, slices: Sequence[str] | None) -> pa.Table:
        """The columns that are used, by the names that they are mapped to."""
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
            schema = file.schema_arrow
            self._check_names([name.strip() for name in schema.names], as_of, slices)
            used = self.columns.used(self.path, schema, slices)
            table = file.read([*used.values()]).select([*used.values()]).rename_columns([*used])
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.path} is not a Parquet file that can be read: {reason}"
            ) from error
        if not table.num_rows:
            raise InputError(f"{self.path} has no rows: there is nothing to compare")
        return table

    def _check_names(
        self, present: Sequence[str], as_of: date | None, slices: Sequence[str] | None
    ) -> None:
        for name in (*self.columns.required, *(slices or ())):
            if name not in present:
                raise InputError(
                    f"{self.path} has no column {name!r}: it has {', '.join(present)}; rename the "
                    "column, or map it with --column user=NAME"
                )
        has_days = self.columns.day in present
        if has_days and as_of is not None:
            raise InputError(f"{self.path} has days in column {self.columns.day!r}: omit --as-of")
        if not has_days and as_of is None:
            raise InputError(
                f"{self.path} has no column {self.columns.day!r}: give the day of its rows with "
                "--as-of YYYY-MM-DD"
            )

    def _ids(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        """Ids as int64 or string."""
        values, where = column.combine_chunks(), f"{self.path}: column {name!r}"
        self._refuse_nulls(name, values)
        check_id_type(values.type, where)
        ids = as_ids(values, "string" if is_text(plain_type(values.type)) else "int64", where)
        self._refuse_nulls(name, ids)
        return ids

    def _checked_labels(self, column: pa.ChunkedArray) -> NDArray[np.int8]:
        name = self.columns.label
        values = column.combine_chunks()
        self._refuse_nulls(name, values)
        if not (pa.types.is_boolean(values.type) or is_number(values.type)):
            raise InputError(f"{self.path}: column {name!r} is {values.type}: write 0 and 1")
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        wrong = numbers[(numbers != 0) & (numbers != 1)]
        if len(wrong):
            raise InputError(
                f"{self.path}: column {name!r} holds {wrong[0]:g} in {len(wrong):,} rows: labels "
                "are 0 and 1"
            )
        return np.asarray(numbers, dtype=np.int8)

    def _checked_scores(self, name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
        values = column.combine_chunks()
        self._refuse_nulls(name, values)
        if not is_number(values.type):
            raise InputError(f"{self.path}: column {name!r} is {values.type}: write numbers")
        scores = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        if missing := int((~np.isfinite(scores)).sum()):
            raise InputError(
                f"{self.path}: column {name!r} is not finite in {missing:,} rows: leave these "
                "rows out, or score them"
            )
        return scores

    def _dates(self, table: pa.Table) -> NDArray[np.datetime64]:
        name = self.columns.day
        values = table[name].combine_chunks()
        self._refuse_nulls(name, values)
        kind = values.type
        if pa.types.is_timestamp(kind) and kind.tz not in (None, "UTC", "Etc/UTC", "+00:00"):
            raise InputError(
                f"{self.path}: column {name!r} is {kind}, so it is open whose day is meant: write "
                "days as dates"
            )
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return np.asarray(values.cast(pa.date32(), safe=False).to_numpy(zero_copy_only=False))
        if not is_text(plain_type(kind)):
            raise InputError(f"{self.path}: column {name!r} is {kind}: write days as YYYY-MM-DD")
        texts = as_type(values, pa.string(), f"{self.path}: column {name!r}").dictionary_encode()
        days = [self._date(text) for text in texts.dictionary.to_pylist()]
        return np.asarray(np.array(days, "datetime64[D]")[texts.indices.to_numpy()])

    def _date(self, text: str) -> date:
        try:
            return datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError as error:
            raise InputError(
                f"{self.path}: column {self.columns.day!r} holds {text!r}: write days as YYYY-MM-DD"
            ) from error

    def _seed_codes(self, table: pa.Table) -> NDArray[np.int64]:
        if self.columns.seed not in table.column_names:
            return np.zeros(table.num_rows, np.int64)
        values = self._ids(self.columns.seed, table[self.columns.seed])
        codes, _ = pd.factorize(values.to_numpy(zero_copy_only=False), sort=True)
        return np.asarray(codes, dtype=np.int64)

    def _slice_values(
        self, table: pa.Table, names: Sequence[str] | None
    ) -> dict[str, NDArray[np.str_]]:
        found = {}
        for name in names if names is not None else table.column_names:
            column = table[name]
            if names is None and (name in self.columns.names or not can_be_sliced(column)):
                continue
            if not (is_word(column.type) or is_number(column.type)):
                raise InputError(
                    f"{self.path}: column {name!r} is {column.type}: slice by words or numbers"
                )
            texts = pc.fill_null(pc.cast(decoded(column), pa.string()), "unknown")
            found[name] = texts.to_numpy().astype(str)
        return found

    def _refuse_nulls(self, name: str, values: pa.Array) -> None:
        if values.null_count:
            raise InputError(
                f"{self.path}: column {name!r} is null in {values.null_count:,} rows: fill them, "
                "or leave these rows out"
            )
