"""The parts of a day's rows that are also measured separately."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.lake.partition import Partition

if TYPE_CHECKING:
    from jobs.lake import Lake
    from jobs.scenarios import Scenario

UPDATES, AGE, HISTORY, CATEGORY = (
    "item updates before T",
    "item age in days",
    "clicks in history",
    "category",
)
OTHER, UNKNOWN = "other", "unknown"
_MOST_FREQUENT = 8
EDGES = {
    UPDATES: (("0", "1-9", "10-99", "100-999", "1000+"), (0, 9, 99, 999)),
    AGE: (("0", "1-6", "7-29", "30+"), (0, 6, 29)),
    HISTORY: (("0", "1-4", "5-19", "20+"), (0, 4, 19)),
}
_ITEM_COLUMNS = ["item_id", "first_seen", "category"]

Values = NDArray[np.str_]


def slice_values(
    lake: Lake,
    scenario: Scenario,
    as_of: date,
    rows: pa.Table,
    item_updates: NDArray[np.int64],
) -> dict[str, Values]:
    """Return the value of each row of day T by slice name, shape (rows,).

    Age and category are read from the ``items`` table up to day T. A category with levels
    (``News|World``) counts by its first level. The most frequent categories and values of context
    fields are kept, and the rest becomes ``other``.

    Args:
        lake: The lake with the ``items`` table.
        scenario: The scenario, whose context fields become slices.
        as_of: Day T.
        rows: The column ``item_id``, and optionally ``history_clicks`` (int64) and context fields.
        item_updates: How often M_T has trained the row's item, shape (rows,).
    """
    slices = {UPDATES: _bucket(UPDATES, item_updates)}
    ids = rows["item_id"].combine_chunks()
    distinct = ids.unique()
    ages, categories = _items(lake, scenario, as_of, distinct)
    row_item = pc.index_in(ids, value_set=distinct).to_numpy(zero_copy_only=False)
    age = ages[row_item]
    slices[AGE] = np.where(age >= 0, _bucket(AGE, np.maximum(age, 0)), UNKNOWN)
    if "history_clicks" in rows.column_names:
        slices[HISTORY] = _bucket(HISTORY, rows["history_clicks"].to_numpy())
    if categories is not None:
        slices[CATEGORY] = most_frequent(categories[row_item])
    for field in scenario.context:
        if field in rows.column_names and field not in slices:
            texts = pc.fill_null(rows[field].cast(pa.string()), UNKNOWN)
            slices[field] = most_frequent(texts.to_numpy(zero_copy_only=False).astype(np.str_))
    return slices


def _items(
    lake: Lake, scenario: Scenario, as_of: date, ids: pa.Array
) -> tuple[NDArray[np.int64], Values | None]:
    """Return age in days at T (-1 if unknown) and category of each id; None without categories."""
    first_seen = np.full(len(ids), np.datetime64("NaT", "us"))
    categories = np.full(len(ids), UNKNOWN, dtype=object)
    for day in lake.days("items", scenario.name):
        if day > as_of:
            break
        partition = Partition("items", scenario.name, day)
        of_ids = pc.field("item_id").isin(ids)
        with lake.open_files(partition) as files:
            for file in files:
                found = pq.read_table(file, columns=_ITEM_COLUMNS, filters=of_ids)
                place = pc.index_in(found["item_id"], value_set=ids).to_numpy()
                moments = found["first_seen"].cast(pa.timestamp("us")).to_numpy()
                first_seen[place] = np.fmin(first_seen[place], moments)
                named = pc.fill_null(found["category"], "").to_numpy()
                has_name = named != ""
                categories[place[has_name]] = named[has_name]
    start = np.datetime64(datetime.combine(as_of, datetime.min.time()), "D")
    days = (start - first_seen.astype("datetime64[D]")).astype(np.int64)
    ages = np.where(np.isnat(first_seen), -1, np.maximum(days, 0))
    if (categories == UNKNOWN).all():
        return ages, None
    return ages, np.array([text.split("|")[0] for text in categories], dtype=np.str_)


def _bucket(name: str, numbers: NDArray[np.int64]) -> Values:
    names, edges = EDGES[name]
    chosen: Values = np.array(names)[np.searchsorted(edges, numbers, side="left")]
    return chosen


def most_frequent(values: Values) -> Values:
    """Return the values with the most rows as they are, and all others as ``other``."""
    distinct, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if distinct.size <= _MOST_FREQUENT:
        return values
    kept = np.full(distinct.size, OTHER, dtype=object)
    # A stable sort breaks ties by name, so that equal rows always give equal parts.
    most = np.argsort(-counts, kind="stable")[:_MOST_FREQUENT]
    kept[most] = distinct[most]
    chosen: Values = kept[codes].astype(np.str_)
    return chosen
