"""Rows of a log in the columns of the impression contract, each with a reason if it is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.lake import schemas
from jobs.scenarios import Scenario, TableSource
from jobs.scenarios.sources import Column
from jobs.sources.contract.labels import labels_of
from jobs.sources.contract.texts import as_text, rows_as_json, without_null_words
from jobs.sources.contract.times import EARLIEST, LATEST, unbounded_times
from jobs.sources.log_source import file_day
from jobs.sources.reading.ids import as_ids
from jobs.sources.reading.mapped_table import MappedBatch, MappedTable, Part

NO_DAY = date(1970, 1, 1)
"""Day of rows without a valid time, which belong to no day."""

CONTEXT = "context."
"""Prefix of the role of a context field."""

_WEEKDAYS = pa.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])


def log_columns(source: TableSource) -> dict[str, Column]:
    """The mapped columns of a log by role."""
    columns = source.columns
    roles: dict[str, Column] = {"user_id": columns.user_id, "item_id": columns.item_id}
    roles |= {"ts": columns.ts, "label": columns.label}
    if columns.impression_id is not None:
        roles["impression_id"] = columns.impression_id
    return roles | {f"{CONTEXT}{name}": column for name, column in columns.context.items()}


def row_schema(scenario: Scenario) -> pa.Schema:
    """Columns of a validated row.

    Those of ``impressions`` without ``fold``, and:

    - ``day``: the day in the path of the file, else that of ts, else ``NO_DAY``.
    - ``reason``: why the row is rejected, null if it is an impression.
    - ``row``: the mapped columns as JSON; null for impressions unless it is asked for.
    - ``null_words``: how many of its values are words that stand for a null.
    - ``refusal``: an error that ends the job; such a row has nothing else.
    """
    fields = [field for field in schemas.impressions(scenario) if field.name != "fold"]
    more = [("_day", pa.date32()), ("reason", pa.string()), ("row", pa.string())]
    more += [("null_words", pa.int32()), ("refusal", pa.string())]
    return pa.schema([*fields, *(pa.field(*one) for one in more)])


@dataclass(frozen=True)
class ImpressionRows:
    """Reads parts of a log as validated rows.

    Attributes:
        table: the files of the log.
        source: how its columns are mapped.
        scenario: the feed.
        with_row: whether impressions have their ``row`` too.
    """

    table: MappedTable
    source: TableSource
    scenario: Scenario
    with_row: bool = False

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part in ``row_schema``; an error is a row with a ``refusal``."""
        try:
            for batch in self.table.batches(part):
                if batch.rows:
                    yield self.converted(batch)
                if batch.malformed:
                    yield self._malformed(batch)
        except InputError as error:
            yield self._filled({"refusal": pa.array([str(error)])}, 1)

    def converted(self, batch: MappedBatch) -> pa.RecordBatch:
        """Convert rows; a value that cannot be converted is null, and the row has a reason.

        Raises:
            InputError: If no value of the column can be what is mapped to it.
        """
        source = self.source
        values = {
            role: without_null_words(column, source.null_values)
            for role, column in batch.values.items()
        }
        user = as_ids(values["user_id"], source.ids, batch.where("user_id"))
        item = as_ids(values["item_id"], source.ids, batch.where("item_id"))
        read = unbounded_times(values["ts"], source, batch.where("ts"))
        is_time = pc.and_(pc.greater_equal(read, EARLIEST), pc.less(read, LATEST))
        ts = pc.if_else(is_time, read, pa.scalar(None, read.type))
        if "impression_id" in values:
            key = as_ids(values["impression_id"], source.ids, batch.where("impression_id"))
        else:
            key = derived_ids(user, item, ts)
        label = labels_of(values["label"], source.label, batch.where("label"))
        file = file_day(source, batch.file)
        day = pc.fill_null(ts.cast(pa.date32()), NO_DAY)
        if file is not None:
            day = pa.array([file] * batch.rows, pa.date32())
        columns = {"impression_id": key, "user_id": user, "item_id": item, "ts": ts, "label": label}
        columns |= self._context(values, ts, batch)
        columns["reason"] = self._reasons(columns, read, day, batch)
        columns["_day"] = day
        columns["null_words"] = _changed(batch.values, values)
        columns["row"] = self._rows(columns["reason"], batch)
        return self._filled(columns, batch.rows)

    def _context(
        self, values: Mapping[str, pa.Array], ts: pa.Array, batch: MappedBatch
    ) -> dict[str, pa.Array]:
        found = {}
        for name in self.scenario.context:
            role = f"{CONTEXT}{name}"
            if role in values:
                text = as_text(values[role], self.table.types[role], batch.where(role))
                found[name] = pc.fill_null(text, "")
            elif name == "hour":
                found[name] = pc.utf8_lpad(pc.hour(ts).cast(pa.string()), 2, "0")
            else:
                found[name] = _WEEKDAYS.take(pc.day_of_week(ts))
        return found

    def _reasons(
        self, columns: Mapping[str, pa.Array], read: pa.Array, day: pa.Array, batch: MappedBatch
    ) -> pa.Array:
        missing = {
            role: pc.is_null(columns[role])
            for role in ("user_id", "item_id", "ts", "impression_id", "label")
        }
        ts_day = columns["ts"].cast(pa.date32())
        is_other_day = pc.fill_null(pc.not_equal(ts_day, day), False)
        conditions = [*missing.values(), is_other_day]
        if not any(pc.any(condition).as_py() for condition in conditions):
            return pa.nulls(batch.rows, pa.string())
        no_label = "no number" if self.source.label.at_least is not None else "outside {0, 1}"
        stored = pc.fill_null(_shown(batch.values["label"]), "null")
        is_outside = pc.and_(pc.is_valid(read), pc.not_equal(read.cast(pa.date32()), NO_DAY))
        outside = pc.binary_join_element_wise(
            "ts before 1990 or after 2099: ", _shown(read.cast(pa.timestamp("us"))), ""
        )
        no_ts = pc.if_else(pc.fill_null(is_outside, False), outside, "null or unreadable ts")
        reasons = [
            "null or unreadable user_id",
            "null or unreadable item_id",
            no_ts,
            "null or unreadable impression_id",
            pc.binary_join_element_wise("label ", stored, f" is {no_label}", ""),
            pc.binary_join_element_wise("ts of another day: ", _shown(ts_day), ""),
        ]
        return pc.case_when(pc.make_struct(*conditions), *reasons)

    def _rows(self, reason: pa.Array, batch: MappedBatch) -> pa.Array:
        """The stored values as JSON, in the order of the file."""
        is_shown = pa.array([True] * batch.rows) if self.with_row else pc.is_valid(reason)
        if not pc.any(is_shown).as_py():
            return pa.nulls(batch.rows, pa.string())
        order = sorted(batch.part.positions, key=lambda role: batch.part.positions[role])
        stored = {batch.part.names[role]: batch.values[role].filter(is_shown) for role in order}
        text = rows_as_json(stored, pc.sum(is_shown).as_py())
        return pc.replace_with_mask(pa.nulls(batch.rows, pa.string()), is_shown, text)

    def _malformed(self, batch: MappedBatch) -> pa.RecordBatch:
        rows = batch.malformed
        day = file_day(self.source, batch.file) or NO_DAY
        reason = [f"{row.columns} columns where the file has {batch.part.columns}" for row in rows]
        text = rows_as_json({"line": pa.array([row.text for row in rows])}, len(rows))
        columns = {"_day": pa.array([day] * len(rows)), "reason": pa.array(reason), "row": text}
        return self._filled(columns, len(rows))

    def _filled(self, columns: Mapping[str, pa.Array], rows: int) -> pa.RecordBatch:
        schema = row_schema(self.scenario)
        arrays = [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(rows, field.type)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def derived_ids(user: pa.Array, item: pa.Array, ts: pa.Array) -> pa.Array:
    """``user-item-microseconds``, null where one is null.

    A hyphen in the text of a user is escaped: else the user ``a-b`` with the item ``c`` would have
    the id of the user ``a`` with the item ``b-c``.
    """
    if pa.types.is_string(user.type):
        user = pc.replace_substring(pc.replace_substring(user, "\\", "\\\\"), "-", "\\-")
    parts = [user.cast(pa.string()), item.cast(pa.string()), ts.cast(pa.int64()).cast(pa.string())]
    return pc.binary_join_element_wise(*parts, "-")


def _changed(stored: Mapping[str, pa.Array], read: Mapping[str, pa.Array]) -> pa.Array:
    """Number of the values of each row that a word for a null has made null."""
    rows = len(next(iter(stored.values())))
    total = pa.array([0] * rows, pa.int32())
    for role, values in stored.items():
        if read[role].null_count != values.null_count:
            is_new = pc.and_(pc.is_null(read[role]), pc.is_valid(values))
            total = pc.add(total, is_new.cast(pa.int32()))
    return total


def _shown(values: pa.Array) -> pa.Array:
    """Values as text in a reason."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        text = [None if value is None else str(value) for value in values.to_pylist()]
        return pa.array(text, pa.string())
    if pa.types.is_timestamp(values.type):
        return pc.replace_substring_regex(values.cast(pa.string()), r"\.?0+$", "")
    if pa.types.is_string(values.type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    return values.cast(pa.string())
