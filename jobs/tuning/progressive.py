"""Progressive validation: each day is scored by the ranker as of its start, then trained on.

Only rows of the lineage fold are read, so a held-out row or one of the fit fold never has a say in
the choice of options. A finished candidate is stored in the table ``tuning``, and read back as long
as rows, options and code are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import log_loss
from tqdm import tqdm

from jobs.common.code_digest import code_digest
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_keys, ranker_version
from jobs.lake.manifest import digest_of
from jobs.lake.schemas import id_type
from jobs.ranker.model.custom_network import seeded
from jobs.ranker.model.device import default_device
from jobs.ranker.model.ranker import new_ranker
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, read_day, require_day
from jobs.ranker.training.begin_features import begin_dense_features
from jobs.ranker.training.first_look import first_look
from jobs.ranker.training.train_day import train_day
from jobs.scenarios import USER, Fold, Scenario
from jobs.stats.columns import encode_users
from jobs.stats.pooled_difference import PooledComparison, PooledDifference

TABLE = "tuning"


@dataclass(frozen=True, eq=False)
class Validation:
    """What a candidate has scored on the days after the warm-up.

    Attributes:
        rows: Columns of ``schema``.
        rows_per_second: Training rows, validated too; None if the validation was read back.
    """

    rows: pa.Table
    rows_per_second: float | None = None

    @property
    def logloss(self) -> float:
        """Mean over rows, in nats."""
        scores = expit(self.rows["logit"].to_numpy().astype(np.float64))
        return float(log_loss(self.rows["label"].to_numpy(), scores, labels=[0, 1]))

    def compared_with(self, base: Validation, level: float) -> PooledComparison:
        """Compare AUCs, pooled over days, with a user as the independent unit.

        Args:
            base: What another candidate has scored on the same rows.
            level: Coverage of the interval.
        """
        pool = PooledDifference()
        days = self.rows["ds"].to_numpy()
        for day in np.unique(days):
            chosen = pa.array(days == day)
            ours, theirs = self.rows.filter(chosen), base.rows.filter(chosen)
            pool.add(
                ours["label"].to_numpy(),
                theirs["logit"].to_numpy(),
                ours["logit"].to_numpy(),
                encode_users(ours[USER]),
            )
        return pool.result(level)


def schema(scenario: Scenario) -> pa.Schema:
    """Columns of ``tuning``: rows of the lineage fold, each scored before it was trained on."""
    return pa.schema(
        [
            ("ds", pa.date32()),
            (USER, id_type(scenario)),
            ("label", pa.int8()),
            ("logit", pa.float32()),
        ]
    )


def partition_of(scenario: Scenario, days: Sequence[date]) -> Partition:
    """Where the validation of a scenario's ranker lies, at the day after the last one."""
    keys = (*ranker_keys(scenario), ("first", days[0].isoformat()))
    return Partition(TABLE, scenario.name, days[-1] + timedelta(days=1), keys)


def measured_days(days: Sequence[date]) -> Sequence[date]:
    """Return the days that count: those of the second half, as a new ranker knows nothing."""
    return days[len(days) // 2 :]


def validated(lake: Lake, scenario: Scenario, days: Sequence[date]) -> Validation:
    """Validate the ranker of a scenario, or read back what was stored of the same inputs.

    Args:
        lake: Where rows are read, and the validation is published.
        scenario: The scenario, with the candidate's options.
        days: Days without a gap, ascending; the ranker is new on the first one.

    Raises:
        InputError: If a day is not ingested.
    """
    partition = partition_of(scenario, days)
    inputs = _inputs(lake, scenario, days)
    manifest = lake.manifest(partition)
    if manifest is not None and dict(manifest.inputs) == inputs:
        return Validation(lake.read(partition))
    validation = _validate(lake, scenario, days)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", validation.rows)
        attempt.publish(partition, inputs=inputs, schema=schema(scenario))
    return validation


def _validate(lake: Lake, scenario: Scenario, days: Sequence[date]) -> Validation:
    ranker = new_ranker(scenario, default_device())
    scored = [schema(scenario).empty_table()]
    counted = set(measured_days(days))
    trained, started = 0, time.monotonic()
    for day in tqdm(days, "days", unit="day", leave=False, mininterval=1):
        begin_dense_features(ranker, lake, scenario, day)
        chunks = list(read_day(lake, scenario, day, (Fold.LINEAGE,), SEEN_ROWS))
        look = first_look(ranker, chunks)
        if day in counted and len(look.labels):
            scored.append(_scored(scenario, day, chunks, look.logits))
        # As the lineage does: see ``jobs.ranker.lineage``.
        with seeded(ranker.options.seed, day.toordinal(), device=ranker.device):
            trained += train_day(ranker, lake, scenario, day)
        look.update_wide_part(ranker)
    seconds = max(time.monotonic() - started, 1e-9)
    return Validation(pa.concat_tables(scored), trained / seconds)


def _scored(
    scenario: Scenario, day: date, chunks: Iterable[Chunk], logits: NDArray[np.float64]
) -> pa.Table:
    rows = pa.Table.from_batches([chunk.impressions for chunk in chunks])
    columns = {
        "ds": pa.array([day] * rows.num_rows, pa.date32()),
        USER: rows[USER],
        "label": rows["label"],
        "logit": pa.array(logits.astype(np.float32)),
    }
    wanted = schema(scenario)
    return pa.table([columns[name] for name in wanted.names], names=wanted.names).cast(wanted)


def _inputs(lake: Lake, scenario: Scenario, days: Sequence[date]) -> dict[str, str]:
    tables = [
        manifest.digest for day in days for manifest in require_day(lake, scenario, day).values()
    ]
    return {
        "days": digest_of([*map(str, days)], tables),
        "ranker": ranker_version(scenario),
        "code": code_digest(__name__),
    }
