"""M_D to M_{D+1}: validate a ranker on the rows of day D, then train it on them."""

from __future__ import annotations

from datetime import date
from typing import Any

from jobs.lake import Lake
from jobs.ranker.model.custom_network import seeded
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.read_day import SEEN_ROWS, read_day
from jobs.ranker.training.begin_features import begin_dense_features
from jobs.ranker.training.first_look import first_look
from jobs.ranker.training.train_day import TrainDay
from jobs.scenarios import Fold, Scenario

_VALIDATION_FOLDS = (Fold.EVAL, Fold.LINEAGE)


def train_next(
    ranker: Ranker, lake: Lake, scenario: Scenario, day: date, train: TrainDay
) -> dict[str, Any]:
    """Turn M_D into M_{D+1}.

    Args:
        ranker: M_D; it is changed in place.
        lake: Where the day's rows are stored.
        scenario: The ranker's scenario.
        day: Day D.
        train: Trains on the rows of the lineage fold.

    Returns:
        AUC and log-loss of M_D on the day's rows, and the number of rows trained on.
    """
    begin_dense_features(ranker, lake, scenario, day)
    look = first_look(ranker, read_day(lake, scenario, day, _VALIDATION_FOLDS, SEEN_ROWS))
    with seeded(ranker.options.seed, day.toordinal(), device=ranker.device):
        trained = train(ranker, lake, scenario, day)
    # After the deep part: it learns what the wide part of M_D left open.
    look.update_wide_part(ranker)
    return {"auc": look.auc, "logloss": look.logloss, "rows": trained}
