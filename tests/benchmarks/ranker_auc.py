"""Held-out AUC of the ranker beside models that count clicks.

Run as ``python -m tests.benchmarks.ranker_auc LOG [--raw PATH] [--start D] [--end D] [--days N]
[--tuned FILE] [--lake PATH]``. LOG is a shipped scenario or a kind of ``log_kinds``. All models
know the same past, and are scored on rows of the eval fold of the last N days, each by the model as
of the start of its day. ``--tuned`` is the block that ``lis tune`` prints. With ``--lake``, what is
computed is kept, and a second run goes on from it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from jobs.common.day_range import parse_day
from jobs.evaluation.scored_day import LOGISTIC, POPULARITY
from jobs.lake import Lake
from jobs.lis.simple_models import SCORED_FOLDS, CountedRows, SimpleModels
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.wide_and_deep import statistic_columns
from jobs.ranker.rows.read_day import SEEN_ROWS, read_day
from jobs.ranker.rows.statistics import dense_statistics
from jobs.ranker.scoring.score_day import BASELINE, score_day
from jobs.scenarios import Fold, RankerOptions, Scenario, load_scenario
from jobs.stages.ingest import IngestOptions, ingest_log
from jobs.stats.pooled_difference import PooledComparison, PooledDifference
from tests.benchmarks.log_kinds import KINDS, scenario_of, write_log

DEFAULT, TUNED = "ranker, default settings", "ranker, tuned"
RATES, TREES = "item + user rate", "boosted trees on counts (LightGBM)"
DAYS, SYNTHETIC_DAYS = 28, 60
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows of a day.

    Attributes:
        kept: Which of the rows that rankers score are held out, (scored rows,).
        statistics: float32, (rows, width).
        labels: int8, (rows,).
        users: Ids, (rows,).
    """

    kept: NDArray[np.bool_]
    statistics: NDArray[np.float32]
    labels: NDArray[np.int8]
    users: pa.Array


def compared(
    lake: Lake, scenario: Scenario, tuned: Scenario | None, days: Sequence[date]
) -> Mapping[str, PooledComparison]:
    """Compare every model with the ranker of default settings, pooled over days."""
    models = SimpleModels(lake, scenario)
    pools: dict[str, PooledDifference] = {}
    for day in days:
        rows = held_out(lake, scenario, day)
        if not len(rows.labels):
            continue
        simple = models.scores(day)
        ranker = ranker_scores(lake, scenario, day)
        scores = {DEFAULT: ranker}
        if tuned is not None:
            scores[TUNED] = ranker_scores(lake, tuned, day)
        scores |= {
            POPULARITY: simple[POPULARITY][rows.kept],
            RATES: rates(scenario, rows.statistics),
            "logistic regression on counts": simple[LOGISTIC][rows.kept],
            TREES: boosted_trees(models.training_rows(day), rows.statistics),
        }
        for name, values in scores.items():
            pool = pools.setdefault(name, PooledDifference())
            pool.add(rows.labels, ranker, values, rows.users)
        sys.stderr.write(f"{day}: {len(rows.labels)} rows, {rows.labels.sum()} clicks\n")
    return {name: pool.result() for name, pool in pools.items()}


def held_out(lake: Lake, scenario: Scenario, day: date) -> HeldOut:
    """Read the held-out rows of a day."""
    chunks = list(read_day(lake, scenario, day, SCORED_FOLDS, SEEN_ROWS))
    rows = pa.Table.from_batches([chunk.impressions for chunk in chunks])
    statistics = np.concatenate(
        [dense_statistics(chunk.statistics, scenario.fields) for chunk in chunks]
    )
    kept = rows["fold"].to_numpy(zero_copy_only=False) == Fold.EVAL
    eval_rows = rows.filter(pa.array(kept))
    return HeldOut(
        kept,
        statistics[kept],
        eval_rows["label"].to_numpy(),
        eval_rows["user_id"].combine_chunks(),
    )


def ranker_scores(lake: Lake, scenario: Scenario, day: date) -> Floats:
    """Scores of the held-out rows of a day by M_T."""
    return score_day(lake, scenario, day, {}, (Fold.EVAL,)).scores[BASELINE]


def rates(scenario: Scenario, statistics: NDArray[np.float32]) -> Floats:
    """Item and user rate of 28 days, added as log-odds."""
    names = statistic_columns(scenario.fields)
    columns = [names.index(f"{field}_rate_28d") for field in ("item_id", "user_id")]
    return statistics[:, columns].astype(np.float64).sum(axis=1)


def boosted_trees(days: Sequence[CountedRows], statistics: NDArray[np.float32]) -> Floats:
    """Scores by trees that are fitted to the rows that the logistic regression is fitted to."""
    fit = np.concatenate([rows.statistics for rows in days])
    labels = np.concatenate([rows.labels for rows in days])
    trees = lightgbm.LGBMClassifier(
        n_estimators=150,
        learning_rate=0.05,
        num_leaves=8,
        min_child_samples=50,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        random_state=0,
        verbose=-1,
    )
    trees.fit(fit, labels)
    return np.asarray(trees.predict_proba(statistics)[:, 1], np.float64)


def table(name: str, found: Mapping[str, PooledComparison]) -> str:
    """The comparison in Markdown."""
    first = found[DEFAULT]
    lines = [
        f"**{name}**: {first.rows:,} held-out rows of {first.dates} days, "
        f"{first.positives:,} clicks, {first.users:,} users",
        "",
        "| model | AUC | to the default ranker | 95 % interval |",
        "|---|---|---|---|",
    ]
    for model, one in found.items():
        difference = (
            "- | -"
            if model == DEFAULT
            else f"{one.difference:+.4f} | {one.ci_low:+.4f} to {one.ci_high:+.4f}"
        )
        lines.append(f"| {model} | {one.auc_treatment:.4f} | {difference} |")
    return "\n".join(lines)


def with_block(scenario: Scenario, block: Path) -> Scenario:
    """The scenario with the options of a YAML file that ``lis tune`` has printed."""
    content = yaml.safe_load(block.read_text(encoding="utf-8"))
    ranker = {**scenario.ranker.model_dump(), **content["ranker"]}
    return scenario.model_copy(update={"ranker": RankerOptions.model_validate(ranker)})


def _prepared(arguments: argparse.Namespace, folder: Path) -> tuple[Lake, Scenario]:
    """Write the log where it is synthetic, and publish its rows."""
    lake, raw = Lake(str(folder / "lake")), arguments.raw
    if arguments.log in KINDS:
        kind = KINDS[arguments.log]
        scenario, raw = scenario_of(kind), str(folder / "raw")
        if not lake.days("impressions", scenario.name):
            write_log(folder / "raw", kind, SYNTHETIC_DAYS)
    else:
        scenario = load_scenario(arguments.log)
    if not lake.days("statistics", scenario.name):
        ingest_log(lake, scenario, IngestOptions(raw=raw, start=arguments.start, end=arguments.end))
    return lake, scenario


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log")
    parser.add_argument("--raw")
    parser.add_argument("--start", type=parse_day)
    parser.add_argument("--end", type=parse_day)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--tuned", type=Path)
    parser.add_argument("--lake", type=Path)
    return parser.parse_args()


def _folders(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Prepare, train and compare."""
    arguments = _arguments()
    for folder in _folders(arguments.lake):
        lake, scenario = _prepared(arguments, folder)
        tuned = with_block(scenario, arguments.tuned) if arguments.tuned else None
        last = lake.days("statistics", scenario.name)[-1]
        for each in (scenario, tuned):
            if each is not None:
                extend_lineage(lake, each, last)
        first = last - timedelta(days=arguments.days - 1)
        days = [day for day in lake.days("statistics", scenario.name) if day >= first]
        found = compared(lake, scenario, tuned, days)
        sys.stdout.write(f"{table(scenario.name, found)}\n")


if __name__ == "__main__":
    main()
