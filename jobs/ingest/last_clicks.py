"""The last K clicks of users, found in one pass over rows in order of user and time.

Rows come in Arrow batches, and a user's may run on from one batch into the next. Of the rows gone
by, no more is held than the clicks of one user that may still be among the last K.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ORDER = ("user_id", "ts", "is_click", "impression_id")
"""At an equal ts impressions come before clicks: no click is in a history of its own moment."""

Places = NDArray[np.int64]
Chosen = NDArray[np.bool_]


def histories(batches: Iterator[pa.RecordBatch], length: int) -> Iterator[pa.RecordBatch]:
    """To each impression the items of the user's last clicks strictly before it, oldest first.

    Args:
        batches: impressions and clicks in ``ORDER``: with ``is_click``, ``is_lineage`` and
            ``item_id`` (of clicks alone), and with the ``ds`` of impressions.
        length: K. Clicks of the lineage fold are counted apart: among the last K of all folds, a
            held-out click would push an older one out, and a ranker could tell from the gap what
            was clicked.
    """
    held: pa.Table | None = None
    for batch in batches:
        rows = _Rows.after(held, batch)
        if rows is None:
            continue
        asked = np.flatnonzero(~rows.is_click)
        firsts = rows.first[asked]
        begins, ends = _last(rows.is_click, firsts, asked, length)
        clicks = rows.table.filter(pa.array(rows.is_click))
        moments = clicks["ts"].cast(pa.int64()).to_numpy()
        newest = np.zeros(len(asked), np.int64)
        newest[begins < ends] = moments[ends[begins < ends] - 1]
        lineage = rows.table["item_id"].filter(pa.array(rows.is_lineage))
        questions = rows.table.select(["ds", "impression_id", "ts"]).take(pa.array(asked))
        columns = {
            "items": _lists(clicks["item_id"], begins, ends),
            "lineage_items": _lists(lineage, *_last(rows.is_lineage, firsts, asked, length)),
            "last_click": pa.array(newest, mask=begins == ends),
        }
        for name, column in columns.items():
            questions = questions.append_column(name, column)
        yield from questions.combine_chunks().to_batches()
        held = rows.of_last_user(length)


def last_clicks(
    batches: Iterator[pa.RecordBatch], length: int, click: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """Of each user the last clicks, and the last of the lineage fold, oldest first.

    Args:
        batches: clicks in ``ORDER``, as above.
        length: K.
        click: the columns that a click is described by.
    """
    held: pa.Table | None = None
    for batch in batches:
        rows = _Rows.after(held, batch)
        if rows is None:
            continue
        held = rows.of_last_user(length)
        yield from _of_users(rows, rows.first[-1], length, click)
    if held is not None:
        rows = _Rows.of(held)
        yield from _of_users(rows, len(rows.first), length, click)


def _of_users(
    rows: _Rows, until: int, length: int, click: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """The last clicks of the users whose rows end before a row."""
    firsts = np.unique(rows.first[:until])
    ends = np.append(firsts[1:], until)[: len(firsts)]
    described = rows.table.select(click).combine_chunks().to_struct_array()
    columns = {"user_id": rows.table["user_id"].take(pa.array(firsts))}
    for name, chosen in (("clicks", rows.is_click), ("lineage_clicks", rows.is_lineage)):
        clicks = described.filter(pa.array(chosen))
        columns[name] = _lists(clicks, *_last(chosen, firsts, ends, length))
    yield from pa.table(columns).combine_chunks().to_batches()


@dataclass(frozen=True)
class _Rows:
    """Rows in order of user. first: (rows,), where the user of each row begins.

    is_click, is_lineage: (rows,), whether a row is a click, and one of the lineage fold.
    """

    table: pa.Table
    first: Places
    is_click: Chosen
    is_lineage: Chosen

    @classmethod
    def of(cls, table: pa.Table) -> _Rows:
        user = table["user_id"].combine_chunks()
        begins = np.ones(len(user), bool)
        begins[1:] = pc.not_equal(user[1:], user[:-1]).to_numpy(zero_copy_only=False)
        first = np.maximum.accumulate(np.where(begins, np.arange(len(user)), 0))
        is_click = table["is_click"].to_numpy()
        return cls(table, first, is_click, is_click & table["is_lineage"].to_numpy())

    @classmethod
    def after(cls, held: pa.Table | None, batch: pa.RecordBatch) -> _Rows | None:
        """A batch behind what is held of those before it; None for an empty one."""
        if not batch.num_rows:
            return None
        table = pa.Table.from_batches([batch])
        return cls.of(table if held is None else pa.concat_tables([held, table]))

    def of_last_user(self, length: int) -> pa.Table:
        """The clicks of the last user that are among its last ``length``, or those of lineage."""
        is_own = np.arange(len(self.first)) >= self.first[-1]
        kept = np.zeros(len(self.first), bool)
        for chosen in (self.is_click & is_own, self.is_lineage & is_own):
            kept[np.flatnonzero(chosen)[-length:]] = True
        return self.table.filter(pa.array(kept)).combine_chunks()


def _last(chosen: Chosen, firsts: Places, ends: Places, length: int) -> tuple[Places, Places]:
    """Where, among the chosen rows, the last ``length`` of those in [first, end) begin and end."""
    before = np.concatenate([[0], np.cumsum(chosen)])
    return np.maximum(before[firsts], before[ends] - length), before[ends]


def _lists(values: pa.ChunkedArray | pa.Array, begins: Places, ends: Places) -> pa.Array:
    """One list a span of the values."""
    lengths = ends - begins
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    taken = values.take(pa.array(places))
    if isinstance(taken, pa.ChunkedArray):
        taken = taken.combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), taken)
