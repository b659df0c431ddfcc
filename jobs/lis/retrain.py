"""Retrain mode: train the ranker of T further, with the feature and without it, in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.common.code_digest import code_digest
from jobs.lis.fit_features import DayFeatures, fit_groups, tower_inputs
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import dense_rows
from jobs.ranker.towers.retrain_towers import ParallelRankers, distinct
from jobs.scenarios import Mode, RetrainOptions


@dataclass(frozen=True)
class Retrain:
    """Implements ``jobs.lis.fitted_modes.FittedMode``."""

    options: RetrainOptions
    mode: Mode = Mode.RETRAIN

    @property
    def identity(self) -> Sequence[object]:
        return [code_digest(__name__), self.options.model_dump(mode="json")]

    @property
    def seeds(self) -> int:
        return self.options.seeds

    @property
    def fits(self) -> int:
        # A single ranker has no group to leave out, and trains on all rows.
        return self.options.seeds if self.options.seeds > 1 else 0

    def scores(
        self,
        as_of: date,
        fit: Sequence[DayFeatures],
        eval_day: DayFeatures,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        heads = ranker.network.heads_of_vectors
        rows = dense_rows([day.rows for day in fit], ranker.device, heads)
        eval_rows = dense_rows([eval_day.rows], ranker.device, heads)
        groups = fit_groups(fit, self.fits)
        for leak in leaks:
            fit_inputs, score_inputs = tower_inputs(fit, eval_day, leak)
            # Equal features, such as a table that has not changed, must give equal scores.
            firsts, position = distinct(fit_inputs, score_inputs)
            rankers = ParallelRankers(
                ranker.network,
                fit_inputs.shape[2],
                len(firsts),
                ranker.settings.dense_rate,
                self.options,
            )
            inputs = fit_inputs[firsts].to(ranker.device)
            rankers.train(rows, inputs, as_of.toordinal(), groups)
            scores = rankers.score(eval_rows, score_inputs[firsts].to(ranker.device))
            yield leak, scores[:, position]
