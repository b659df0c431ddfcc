"""The tables of vectors that lineages read: aligned, before alignment, and shuffled."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from jobs.evaluation.scored_day import ALIGNED, SHUFFLED, UNALIGNED
from jobs.lake import Lake
from jobs.lis.placebo_table import placebo_table
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.towers.row_features import FeatureTable
from jobs.scenarios import Scenario


def lineage_vectors(
    lake: Lake,
    scenario: Scenario,
    aligned: pa.Table,
    unaligned: pa.Table,
    rows: DayRows,
    aligned_at: date,
) -> dict[str, FeatureTable]:
    """Return the vectors of each variant.

    Vectors are shuffled among items of like popularity before the first day that is trained on: a
    later popularity would tell rows of that day what is to come.

    Args:
        lake: Where the ranker and the rows of ``aligned_at`` are stored.
        scenario: The scenario.
        aligned: Aligned vectors: ``item_id`` and ``embedding``.
        unaligned: The same of the content before alignment.
        rows: The rows to score.
        aligned_at: The first day to train on.
    """
    tables = {
        name: FeatureTable.from_arrow(table, "item", in_slot=False)
        for name, table in ((ALIGNED, aligned), (UNALIGNED, unaligned))
    }
    first = read_checkpoint(lake, scenario, aligned_at)
    shuffled = placebo_table(lake, scenario, first, rows, tables[ALIGNED], aligned_at)
    return {**tables, SHUFFLED: shuffled}


def as_arrow(table: FeatureTable) -> pa.Table:
    """Return the vectors of items as ``item_id`` and ``embedding``."""
    assert table.vectors is not None
    flat = pa.array(table.vectors.ravel())
    embedding = pa.FixedSizeListArray.from_arrays(flat, table.vectors.shape[1])
    return pa.table({"item_id": table.keys, "embedding": embedding})
