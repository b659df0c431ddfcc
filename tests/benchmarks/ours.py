"""The project's trainer, from the lake's Parquet files through ``train_day``."""

from __future__ import annotations

from datetime import date

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from jobs.lake import Lake
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.score_day import BASELINE, score_rows
from jobs.ranker.training.train_day import train_day
from jobs.scenarios import Scenario
from tests.benchmarks import measure
from tests.benchmarks.log import FIELDS, LogOptions, ids, scenario_of

CPU = torch.device("cpu")


def ranker_with_vocabulary(
    scenario: Scenario, vocabulary: int, device: torch.device = CPU
) -> Ranker:
    """A ranker whose table has a row for every id of the log, as after months of days."""
    ranker = new_ranker(scenario, device)
    sizes = LogOptions(vocabulary=vocabulary).sizes
    ranker.add_ids(
        {field: ids(field, np.arange(size)) for field, size in zip(FIELDS, sizes, strict=True)}
    )
    return ranker


def held_out_auc(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> float:
    scored = score_rows(ranker, scenario, read_day(lake, scenario, day, {"eval"}), {})
    return float(roc_auc_score(scored.rows["label"].to_numpy(), scored.scores[BASELINE]))


def main() -> None:
    parser = measure.contestant()
    parser.add_argument("--history-length", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    lake = Lake(str(options.folder / "lake"))
    scenario = scenario_of(options.history_length, options.precision, options.seed)
    ranker = ranker_with_vocabulary(scenario, options.vocabulary)
    *before, day = lake.days("impressions", scenario.name)
    for warm in before:
        train_day(ranker, lake, scenario, warm)
    rows, seconds, cpu = measure.timed(lambda: train_day(ranker, lake, scenario, day))
    measure.report(rows, seconds, cpu, held_out_auc(ranker, lake, scenario, day))


if __name__ == "__main__":
    main()
