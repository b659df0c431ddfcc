"""The placebo of a feature table: its rows shuffled among keys, apart from held-out rows."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.lake import Lake, Partition
from jobs.preference.placebo import shuffled
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.towers.row_features import FeatureTable
from jobs.scenarios import Fold, Scenario

Integers = NDArray[np.int64]


def placebo_table(
    lake: Lake, scenario: Scenario, ranker: Ranker, rows: DayRows, table: FeatureTable, day: date
) -> FeatureTable:
    """Shuffle a table of day d for some rows of that day.

    Args:
        lake: Where impressions are stored.
        scenario: Scenario of the rows.
        ranker: M_d, whose updates are the popularity of keys.
        rows: The rows that read the table.
        table: The table.
        day: Day d, which is the seed too.

    Returns:
        The table with the row of another key for each key. Keys that no row of the same popularity
        can be found for are left out.
    """
    seed = day.toordinal()
    if table.column in ranker.fields:
        updates = np.append(ranker.table.block(table.column).updates, 0)
        popularity = updates[ranker.vocabularies[table.column].rows(table.keys)]
        lineage = Vocabulary(lineage_keys(lake, scenario, day, table.column))
        is_lineage = lineage.rows(table.keys) >= 0
        return table.permuted(shuffled(table.keys, popularity, is_lineage, seed))
    # Keys are impressions: those of the rows, which all are of the fit fold, or of the lineage and
    # the eval fold, in popularity of their items.
    index = table.key_index(rows)
    covered = index >= 0
    chosen = index[covered]
    folds = rows.rows["fold"].to_numpy(zero_copy_only=False)[covered]
    taken = shuffled(
        table.keys.take(pa.array(chosen)), rows.item_updates[covered], folds != Fold.EVAL, seed
    )
    order = np.full(len(table.keys), -1)
    order[chosen] = np.append(chosen, -1)[taken]
    return table.permuted(order)


def lineage_keys(lake: Lake, scenario: Scenario, day: date, column: str) -> pa.Array:
    """Return the distinct values of a column of impressions in the day's lineage rows."""
    found: list[pa.Array] = []
    partition = Partition("impressions", scenario.name, day)
    with lake.open_files(partition) as streams:
        for stream in streams:
            file = pq.ParquetFile(stream)
            found.append(pa.array([], file.schema_arrow.field(column).type))
            for batch in file.iter_batches(columns=[column, "fold"]):
                is_lineage = pc.equal(batch["fold"], Fold.LINEAGE.value)
                found.append(batch[column].filter(is_lineage).unique())
    return pa.chunked_array(found).unique()
