"""Counts of what came strictly before each row, in one pass over rows in order of group and time.

Every row is an event that stands for any number of impressions: one for an impression of the
lineage fold, none for one of another fold, and all of a day for a row of daily counts. Rows come in
Arrow batches, and those of a group may continue in the next batch. Of earlier batches, at most two
events per day of one group are kept in memory, so a group may have any share of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.lake.schemas import STATISTIC_WINDOWS

TIMES = ("first_impression", "last_impression", "last_click")
NEEDED = ("ts", "day", "impressions", "clicks", *TIMES, "is_target")
"""Columns of rows beside those of their group: see ``counts_before``."""

COUNTS = tuple(
    f"{counted}_{window}" for window in STATISTIC_WINDOWS for counted in ("impressions", "clicks")
)
FOUND = (*COUNTS, *TIMES)
"""Columns that ``counts_before`` adds, int64. Times are in microseconds, null if there is none."""

Positions = NDArray[np.int64]
Values = NDArray[np.int64]


def window_days(window: str) -> int | None:
    """Days of a window before the day of a row; None for all."""
    return None if window == "ever" else int(window.removesuffix("d"))


LONGEST_WINDOW = max(window_days(window) or 0 for window in STATISTIC_WINDOWS)


def counts_before(
    batches: Iterator[pa.RecordBatch], group: Sequence[str], kept: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Count the events of the same group strictly before each target.

    The window of w days of a row of day D begins with the day D - w and ends just before the row:
    a tie in ``ts`` is not counted.

    Args:
        batches: rows in order of ``group`` and ``ts``, with the columns ``NEEDED``: of which day a
            row is (date32), how many ``impressions`` and ``clicks`` it stands for (int64), the
            times of the first and last of them, and whether it is a target. Null values of a group
            column are a group.
        group: columns of the group.
        kept: columns of targets to return.

    Yields:
        The targets with ``kept`` and ``FOUND``.
    """
    carried: pa.Table | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        table = pa.Table.from_batches([batch])
        if carried is not None:
            table = pa.concat_tables([carried, table])
        rows = _Rows.of(table.combine_chunks(), group)
        targets = np.flatnonzero(_numbers(rows.table["is_target"]))
        result = rows.table.select(kept).take(pa.array(targets))
        for name, column in rows.counts(targets).items():
            result = result.append_column(name, column)
        yield from result.combine_chunks().to_batches()
        carried = rows.last_group()


@dataclass(frozen=True)
class _Rows:
    """Rows in order of group and time.

    first: (rows,), position of the first row of each row's group.
    tied: (rows,), position of the first row of the group with the same ts.
    code: (rows,), ascending: the day of the row, with the days of each group after those of the
        group before it, at a distance of more than the longest window.
    impressions, clicks: (rows + 1,), number of impressions and clicks before each position.
    last_event, last_click: (rows + 1,), position of the last event and of the last one with a
        click before each position, of whatever group; -1 if there is none.
    """

    table: pa.Table
    first: Positions
    tied: Positions
    code: Values
    impressions: Values
    clicks: Values
    last_event: Positions
    last_click: Positions

    @classmethod
    def of(cls, table: pa.Table, group: Sequence[str]) -> _Rows:
        begins = np.zeros(table.num_rows, bool)
        for name in group:
            begins |= _changes(table[name])
        day = _numbers(table["day"].cast(pa.int32())).astype(np.int64)
        span = day.max() - day.min() + LONGEST_WINDOW + 1
        impressions, clicks = _numbers(table["impressions"]), _numbers(table["clicks"])
        return cls(
            table=table,
            first=_starts(begins),
            tied=_starts(begins | _changes(table["ts"])),
            code=np.cumsum(begins) * span + day - day.min(),
            impressions=_sums_before(impressions),
            clicks=_sums_before(clicks),
            last_event=_last_before(impressions > 0),
            last_click=_last_before(clicks > 0),
        )

    def counts(self, targets: Positions) -> dict[str, pa.Array]:
        """The columns ``FOUND`` of rows at some positions."""
        first, end = self.first[targets], self.tied[targets]
        found: dict[str, pa.Array] = {}
        for window in STATISTIC_WINDOWS:
            days = window_days(window)
            begin = first if days is None else np.searchsorted(self.code, self.code[targets] - days)
            found[f"impressions_{window}"] = pa.array(
                self.impressions[end] - self.impressions[begin]
            )
            found[f"clicks_{window}"] = pa.array(self.clicks[end] - self.clicks[begin])
        last_event, last_click = self.last_event[end], self.last_click[end]
        # The first event of a group is the next one after the last of the groups before it.
        first_event = self._next_event(first)
        found["first_impression"] = self._times("first_impression", first_event, first_event < end)
        found["last_impression"] = self._times("last_impression", last_event, last_event >= first)
        found["last_click"] = self._times("last_click", last_click, last_click >= first)
        return found

    def last_group(self) -> pa.Table:
        """The events of the last group: one for each day and, of the last ts, one more."""
        begin, end = self.first[-1], len(self.first)
        is_event = np.diff(self.impressions) > 0
        events = begin + np.flatnonzero(is_event[begin:])
        if not len(events):
            return self.table.slice(0, 0)
        is_tied = events >= self.tied[-1]
        changes = np.diff(self.code[events]).astype(bool) | np.diff(is_tied)
        starts = np.append(0, np.flatnonzero(changes) + 1)
        firsts = events[starts]
        ends = np.append(firsts[1:], end)
        lasts = self.last_event[ends]
        clicks = self.last_click[ends]
        merged = {
            "impressions": pa.array(self.impressions[ends] - self.impressions[firsts]),
            "clicks": pa.array(self.clicks[ends] - self.clicks[firsts]),
            "first_impression": self._times("first_impression", firsts),
            "last_click": self._times("last_click", clicks, clicks >= firsts),
            "is_target": pa.array(np.zeros(len(firsts), bool)),
        }
        table = self.table.take(pa.array(lasts))
        for name, column in merged.items():
            field = table.schema.field(name)
            table = table.set_column(
                table.schema.get_field_index(name), field, column.cast(field.type)
            )
        return table

    def _next_event(self, positions: Positions) -> Positions:
        """Position of the first event at or after each position; the number of rows if none."""
        events = np.flatnonzero(np.diff(self.impressions) > 0)
        return np.append(events, len(self.first))[np.searchsorted(events, positions)]

    def _times(
        self, name: str, positions: Positions, is_valid: NDArray[np.bool_] | None = None
    ) -> pa.Array:
        """Times in microseconds at some positions; null where they are not valid."""
        times = _numbers(self.table[name].cast(pa.int64()).fill_null(0))
        if is_valid is None:
            return pa.array(times[positions])
        return pa.array(times[np.where(is_valid, positions, 0)], mask=~is_valid)


def _numbers(column: pa.ChunkedArray) -> Values:
    values: Values = column.combine_chunks().to_numpy(zero_copy_only=False)
    return values


def _changes(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it; null equals null."""
    values = column.combine_chunks()
    changes = np.ones(len(values), bool)
    differs = pc.fill_null(pc.not_equal(values[1:], values[:-1]), False)
    is_null = pc.is_null(values)
    differs = pc.or_(differs, pc.xor(is_null[1:], is_null[:-1]))
    changes[1:] = differs.to_numpy(zero_copy_only=False)
    return changes


def _starts(begins: NDArray[np.bool_]) -> Positions:
    """Position of the last begin at or before each row."""
    return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def _sums_before(values: Values) -> Values:
    return np.concatenate([[0], np.cumsum(values)])


def _last_before(mask: NDArray[np.bool_]) -> Positions:
    positions = np.where(mask, np.arange(len(mask)), -1)
    return np.concatenate([[-1], np.maximum.accumulate(positions)])
