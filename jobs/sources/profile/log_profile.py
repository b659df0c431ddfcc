"""How a scenario reads its log: the first rows of its files, converted as ingest converts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.scenarios import Column, CsvFormat, Scenario, TableSource
from jobs.sources.contract.impression_rows import ImpressionRows, log_columns
from jobs.sources.log_checks import check_items, check_log
from jobs.sources.log_location import log_files
from jobs.sources.log_source import table_source
from jobs.sources.log_span import log_span
from jobs.sources.reading.mapped_table import MappedTable, Part, open_file

_MOST_PARTS = 20
_SHOWN_ROWS = 3
_FEW_POSITIVES = 10
"""Below so many held-out positives, no interval holds and a result has no verdict."""
_ENOUGH_POSITIVES = 100


@dataclass(frozen=True)
class ReadColumn:
    """One mapped column.

    Attributes:
        role: What it is used for, such as ``user_id``.
        column: Its name or position in the files.
        stored: Its type in the files.
        values: The first values as stored, and as they are read.
    """

    role: str
    column: Column
    stored: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LogProfile:
    """What a scenario finds in its log.

    Attributes:
        files: Number of files that have rows.
        place: Where they are.
        form: ``csv`` or ``parquet``.
        columns: The mapped columns.
        unmapped: Names of all other columns of the first file.
        rows: Rows that were read: the beginnings of up to 20 files, evenly chosen.
        is_whole: Whether these are all rows.
        users: Distinct users among their impressions.
        items: Distinct items among them.
        labels: Number of impressions by label.
        reasons: Number of rows that would be quarantined, by reason.
        days: First and last day of the whole log.
        item_files: Number of item files; None if the scenario has none.
        positives_a_day: Held-out clicks of a day, about; None if not all rows were read.
        warnings: What may be wrong, though the log can be read.
    """

    files: int
    place: str
    form: str
    columns: tuple[ReadColumn, ...]
    unmapped: tuple[str, ...]
    rows: int
    is_whole: bool
    users: int
    items: int
    labels: Mapping[int, int]
    reasons: Mapping[str, int]
    days: DayRange
    item_files: int | None
    positives_a_day: float | None
    warnings: tuple[str, ...]


def profile_log(scenario: Scenario, raw: str) -> LogProfile:
    """Read the beginning of a log as ingest does, and find its first and last day.

    Args:
        scenario: How the log is read.
        raw: Where it is.

    Raises:
        InputError: If the log cannot be read so, or none of the rows that were read is an
            impression, or all impressions of the log have one label.
    """
    source = table_source(scenario)
    files = log_files(source, raw)
    table = check_log(source, files)
    items = check_items(source, raw)
    chosen = _spread(table.parts)
    batches = [_first_batch(table, source, scenario, part) for part in chosen]
    rows = pa.Table.from_batches(batches)
    is_whole = len(chosen) == len(table.parts) and all(
        _is_complete(table, part, batch) for part, batch in zip(chosen, batches, strict=True)
    )
    valid = rows.filter(pc.is_null(rows["reason"]))
    labels = _counted(valid["label"])
    reasons = _counted(rows["reason"].drop_null())
    if not valid.num_rows:
        reason, count = Counter(reasons).most_common(1)[0]
        raise InputError(
            f"{files.names()[0]}: none of the first {rows.num_rows:,} rows is an impression "
            f"({reason}: {count:,} rows): correct source in the scenario"
        )
    if is_whole and len(labels) == 1 and valid.num_rows > 1:
        raise InputError(
            f"{files.names()[0]}: all {valid.num_rows:,} rows have label {next(iter(labels))}, and "
            "a ranker needs both: correct source.label or source.columns.label in the scenario"
        )
    first = open_file(source.format, table.storage, table.parts[0].path)
    mapped = {*table.parts[0].names.values()}
    days = DayRange(*log_span(scenario, raw))
    held_out = labels.get(1, 0) * scenario.folds.eval / len(days) if is_whole else None
    return LogProfile(
        files=len({part.path for part in table.parts}),
        place=table.storage.shown(""),
        form="csv" if isinstance(source.format, CsvFormat) else "parquet",
        columns=tuple(_columns(table, source, scenario)),
        unmapped=tuple(name for name in first.names if name.strip() not in mapped),
        rows=rows.num_rows,
        is_whole=is_whole,
        users=len(valid["user_id"].unique()),
        items=len(valid["item_id"].unique()),
        labels=labels,
        reasons=reasons,
        days=days,
        item_files=None if items is None else len({part.path for part in items.parts}),
        positives_a_day=held_out,
        warnings=tuple(_warnings(scenario, rows, valid, days, held_out)),
    )


def suggested_days(found: LogProfile, horizons: Sequence[int]) -> DayRange | None:
    """The newest days that can be scored: so many that an interval can hold, if that is known."""
    possible = days_to_score(found.days, horizons)
    if possible is None or found.positives_a_day is None:
        return possible and DayRange.of_day(possible.last)
    needed = ceil(_ENOUGH_POSITIVES / max(found.positives_a_day, 1e-9))
    offset = min(needed, len(possible)) - 1
    return DayRange(possible.last - timedelta(days=offset), possible.last)


def days_to_score(days: DayRange, horizons: Sequence[int]) -> DayRange | None:
    """The days of a log that can be scored at all horizons; None if there are none.

    A day T needs a trained ranker, so one day before it, and the rows of n days from T on.
    """
    first = days.first + timedelta(days=1)
    last = days.last - timedelta(days=max(*horizons, 1) - 1)
    return DayRange(first, last) if first <= last else None


def _spread(parts: Sequence[Part]) -> list[Part]:
    """Up to ``_MOST_PARTS`` parts, evenly chosen, the first and the last among them."""
    if len(parts) <= _MOST_PARTS:
        return list(parts)
    step = (len(parts) - 1) / (_MOST_PARTS - 1)
    return [parts[round(number * step)] for number in range(_MOST_PARTS)]


def _first_batch(
    table: MappedTable, source: TableSource, scenario: Scenario, part: Part
) -> pa.RecordBatch:
    for batch in ImpressionRows(table, source, scenario).batches(part):
        if refusals := batch.column("refusal").drop_null().to_pylist():
            raise InputError(refusals[0])
        return batch
    raise InputError(f"{table.storage.absolute(part.path)} has no rows: leave it out")


def _is_complete(table: MappedTable, part: Part, batch: pa.RecordBatch) -> bool:
    """Whether a batch has all rows of its part."""
    read = 0
    for more in table.batches(part):
        read += more.rows + len(more.malformed)
        if read > batch.num_rows:
            return False
    return True


def _counted(values: pa.ChunkedArray) -> dict[Any, int]:
    counts = {one["values"]: one["counts"] for one in values.value_counts().to_pylist()}
    return dict(sorted(counts.items(), key=lambda one: (-one[1], str(one[0]))))


def _columns(table: MappedTable, source: TableSource, scenario: Scenario) -> list[ReadColumn]:
    part = table.parts[0]
    stored = next(batch for batch in table.batches(part) if batch.rows)
    read = ImpressionRows(table, source, scenario).converted(stored).slice(0, _SHOWN_ROWS)
    found = []
    for role, column in log_columns(source).items():
        name = role.removeprefix("context.")
        shown = [_text(value) for value in stored.values[role].slice(0, _SHOWN_ROWS).to_pylist()]
        # Fields that the ranker does not read are mapped, but not published.
        if name in read.schema.names:
            became = [_text(value) for value in read.column(name).to_pylist()]
        else:
            became = ["not in context"] * len(shown)
        kind = str(stored.values[role].type)
        found.append(ReadColumn(role, column, kind, tuple(zip(shown, became, strict=True))))
    return found


def _text(value: object) -> str:
    text = "null" if value is None else " ".join(str(value).split())
    return text if len(text) <= 32 else f"{text[:31]}…"


def _warnings(
    scenario: Scenario, rows: pa.Table, valid: pa.Table, days: DayRange, held_out: float | None
) -> list[str]:
    found = []
    labels = _counted(valid["label"])
    if len(labels) == 1:
        found.append(
            f"all impressions that were read have label {next(iter(labels))}: check source.label"
        )
    if words := pc.sum(rows["null_words"]).as_py():
        found.append(
            f"{words:,} values are words for a missing value and are read as null: see "
            "source.null_values"
        )
    repeated = valid.num_rows - len(valid["impression_id"].unique())
    if repeated:
        found.append(
            f"{repeated:,} rows repeat the id of another impression and would be quarantined"
        )
    if pc.all(pc.equal(valid["ts"], pc.floor_temporal(valid["ts"], unit="day"))).as_py():
        found.append(
            "all times are midnight: with dates alone, the clicks of a day are in no order"
        )
    if days_to_score(days, scenario.horizons) is None:
        found.append(
            f"horizons {[*scenario.horizons]} need a log of {max(*scenario.horizons, 1) + 1} days, "
            f"and this one has {len(days)}"
        )
    if held_out is not None and held_out < _FEW_POSITIVES:
        found.append(
            f"about {held_out:.1f} held-out rows of label 1 a day: too few for a verdict on one "
            "day; score a range of days"
        )
    return found
