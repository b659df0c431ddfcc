"""The columns that results keep of the rows that were scored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.lake import schemas
from jobs.ranker.rows.read_day import Chunk
from jobs.scenarios import Scenario

KEYS = ("impression_id", "user_id", "item_id", "label", "fold")


def row_attributes(scenario: Scenario, chunk: Chunk) -> pa.RecordBatch:
    """Columns of scored rows that results need.

    Returns:
        ``KEYS``, the scenario's context fields, and ``history_clicks``: the number of clicks in the
        row's history.
    """
    clicks = np.bincount(chunk.clicks.row, minlength=len(chunk))
    columns = chunk.impressions.select([*KEYS, *scenario.context])
    return columns.append_column("history_clicks", pa.array(clicks, pa.int64()))


def no_row_attributes(scenario: Scenario) -> pa.Table:
    """The columns of ``row_attributes``, without rows."""
    columns = schemas.impressions(scenario).empty_table().select([*KEYS, *scenario.context])
    return columns.append_column("history_clicks", pa.array([], pa.int64()))
