"""The last K clicks of users, found in one pass over rows in order of user and time.

Rows come in Arrow batches, and those of a user may continue in the next batch. Of earlier batches,
only the clicks of one user that may still be among the last K are kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ORDER = ("user_id", "ts", "is_click", "impression_id")
"""Order of rows. Impressions precede clicks with the same ts, which are not in their history."""

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]


def histories(batches: Iterator[pa.RecordBatch], length: int) -> Iterator[pa.RecordBatch]:
    """Find the items of the user's last clicks strictly before each impression.

    Args:
        batches: impressions and clicks in ``ORDER``, with ``is_click`` and ``is_lineage``; clicks
            also have ``item_id``, and impressions ``ds``.
        length: K. It applies to the clicks of the lineage fold separately: among the last K of all
            folds, a held-out click would displace an older one, and a ranker could infer from the
            gap what was clicked.

    Yields:
        Impressions with ``items`` and ``lineage_items``, oldest first, and with the time of the
        ``last_click`` in microseconds, null without one.
    """
    carried: pa.Table | None = None
    for batch in batches:
        rows = _Rows.after(carried, batch)
        if rows is None:
            continue
        positions = np.flatnonzero(~rows.is_click)
        firsts = rows.first[positions]
        begins, ends = _last(rows.is_click, firsts, positions, length)
        clicks = rows.table.filter(pa.array(rows.is_click))
        times = clicks["ts"].cast(pa.int64()).to_numpy()
        newest = np.zeros(len(positions), np.int64)
        newest[begins < ends] = times[ends[begins < ends] - 1]
        lineage = rows.table["item_id"].filter(pa.array(rows.is_lineage))
        impressions = rows.table.select(["ds", "impression_id", "ts"]).take(pa.array(positions))
        columns = {
            "items": _lists(clicks["item_id"], begins, ends),
            "lineage_items": _lists(lineage, *_last(rows.is_lineage, firsts, positions, length)),
            "last_click": pa.array(newest, mask=begins == ends),
        }
        for name, column in columns.items():
            impressions = impressions.append_column(name, column)
        yield from impressions.combine_chunks().to_batches()
        carried = rows.last_user_clicks(length)


def last_clicks(
    batches: Iterator[pa.RecordBatch], length: int, click: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """Find the last clicks of each user.

    Args:
        batches: clicks in ``ORDER``, with the columns that ``histories`` takes.
        length: K, which applies to all clicks and to those of the lineage fold separately.
        click: columns of a click in the result.

    Yields:
        Users with ``clicks`` and ``lineage_clicks``, oldest first.
    """
    carried: pa.Table | None = None
    for batch in batches:
        rows = _Rows.after(carried, batch)
        if rows is None:
            continue
        carried = rows.last_user_clicks(length)
        yield from _clicks_by_user(rows, rows.first[-1], length, click)
    if carried is not None:
        rows = _Rows.of(carried)
        yield from _clicks_by_user(rows, len(rows.first), length, click)


def _clicks_by_user(
    rows: _Rows, end: int, length: int, click: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """The last clicks of the users in the rows before ``end``."""
    firsts = np.unique(rows.first[:end])
    ends = np.append(firsts[1:], end)[: len(firsts)]
    structs = rows.table.select(click).combine_chunks().to_struct_array()
    columns = {"user_id": rows.table["user_id"].take(pa.array(firsts))}
    for name, mask in (("clicks", rows.is_click), ("lineage_clicks", rows.is_lineage)):
        clicks = structs.filter(pa.array(mask))
        columns[name] = _lists(clicks, *_last(mask, firsts, ends, length))
    yield from pa.table(columns).combine_chunks().to_batches()


@dataclass(frozen=True)
class _Rows:
    """Rows in ``ORDER``.

    first: (rows,), position of the first row of each row's user.
    is_click, is_lineage: (rows,), whether a row is a click, and a click of the lineage fold.
    """

    table: pa.Table
    first: Positions
    is_click: Mask
    is_lineage: Mask

    @classmethod
    def of(cls, table: pa.Table) -> _Rows:
        user = table["user_id"].combine_chunks()
        begins = np.ones(len(user), bool)
        begins[1:] = pc.not_equal(user[1:], user[:-1]).to_numpy(zero_copy_only=False)
        first = np.maximum.accumulate(np.where(begins, np.arange(len(user)), 0))
        is_click = table["is_click"].to_numpy()
        return cls(table, first, is_click, is_click & table["is_lineage"].to_numpy())

    @classmethod
    def after(cls, carried: pa.Table | None, batch: pa.RecordBatch) -> _Rows | None:
        """The rows carried over from earlier batches and those of a batch; None if it is empty."""
        if not batch.num_rows:
            return None
        table = pa.Table.from_batches([batch])
        return cls.of(table if carried is None else pa.concat_tables([carried, table]))

    def last_user_clicks(self, length: int) -> pa.Table:
        """Clicks of the last user among the last ``length`` of all folds or of the lineage fold."""
        is_last_user = np.arange(len(self.first)) >= self.first[-1]
        kept = np.zeros(len(self.first), bool)
        for mask in (self.is_click & is_last_user, self.is_lineage & is_last_user):
            kept[np.flatnonzero(mask)[-length:]] = True
        return self.table.filter(pa.array(kept)).combine_chunks()


def _last(
    mask: Mask, firsts: Positions, ends: Positions, length: int
) -> tuple[Positions, Positions]:
    """Spans of the last ``length`` masked rows within each [first, end).

    Returns:
        Begins and ends of the spans, as positions among the masked rows.
    """
    before = np.concatenate([[0], np.cumsum(mask)])
    return np.maximum(before[firsts], before[ends] - length), before[ends]


def _lists(values: pa.ChunkedArray | pa.Array, begins: Positions, ends: Positions) -> pa.Array:
    """One list per span of the values."""
    lengths = ends - begins
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    elements = values.take(pa.array(positions))
    if isinstance(elements, pa.ChunkedArray):
        elements = elements.combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements)
