"""Results to log and to draw, and the predictions that belong to them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.evaluation.result import LisResult, Slice
from jobs.lake import Lake, Partition
from jobs.scenarios import Scenario, SimulatedSource

SCENARIO = Scenario(
    name="small_feed", title="Small feed", source=SimulatedSource(reader="simulated")
)


def make_result(**changes: Any) -> LisResult:
    """Return a plausible result, worth aligning; ``changes`` replace its columns."""
    values: dict[str, Any] = {
        "scenario": "small_feed",
        "as_of": "2026-02-01",
        "horizon": 7,
        "preference": "id_embedding",
        "mode": "swap",
        "seeds": 1,
        "rows": 20_000,
        "users": 900,
        "positives": 4_000,
        "auc_baseline": 0.7,
        "auc_leaked": 0.715,
        "lis": 0.015,
        "lis_se": 0.002,
        "lis_ci_low": 0.011,
        "lis_ci_high": 0.019,
        "p_value": 0.0001,
        "lis_seen": 0.06,
        "memorisation": 0.045,
        "gauc_baseline": 0.65,
        "gauc_leaked": 0.66,
        "logloss_delta": -0.003,
        "ne_delta": -0.006,
        "coverage": 0.93,
        "verdict": "worth aligning",
        "rows_needed": None,
        "slices": (),
        "ranker_version": "ranker-1",
        "data_digest": "d" * 64,
        "leak_digest": "e" * 64,
        "code_version": "abc1234",
        "seconds": 1.5,
    }
    return from_columns({**values, **changes})


def changed(result: LisResult, **changes: Any) -> LisResult:
    """Return a result with other values in some columns."""
    return from_columns({**result.to_dict(), **changes})


def from_columns(values: dict[str, Any]) -> LisResult:
    """Return the result with these columns; slices may be objects or dictionaries."""
    slices = [part.to_dict() if isinstance(part, Slice) else part for part in values["slices"]]
    return LisResult.from_dict({**values, "slices": slices})


def publish_predictions(lake: Lake, day: date, variant: str, seed: int, first_id: int = 0) -> None:
    """Publish 400 scored rows, half of them held out."""
    random = np.random.default_rng(seed)
    rows = 400
    label = np.arange(rows) % 4 == 0
    table = pa.table(
        {
            "impression_id": np.arange(first_id, first_id + rows),
            "label": label.astype(np.int8),
            "fold": np.where(np.arange(rows) < rows // 2, "eval", "lineage"),
            "score": np.clip(0.3 + 0.2 * label + 0.2 * random.normal(size=rows), 0, 1),
        }
    )
    keys = (("ranker", "ranker-1"), ("variant", variant))
    partition = Partition("predictions", "small_feed", day, keys)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs={})
