"""Retrain mode: the ranker of T is trained on with the feature and without it, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.lis.fit_features import VARIANTS, ToldDay, inputs_of
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.towers.day_rows import dense_rows
from jobs.ranker.towers.retrain_towers import SideBySide
from jobs.scenarios import Mode, RetrainOptions

RETRAIN_REVISION = 2
"""Raised by hand when the same tables would give other scores: stored ones are then stale."""


@dataclass(frozen=True)
class Retrain:
    """See ``jobs.lis.fitted_modes.Training``."""

    options: RetrainOptions
    mode: Mode = Mode.RETRAIN

    @property
    def identity(self) -> Sequence[object]:
        return [RETRAIN_REVISION, self.options.model_dump(mode="json")]

    @property
    def seeds(self) -> int:
        return self.options.seeds

    def scores(
        self,
        as_of: date,
        fit: Sequence[ToldDay],
        scored: ToldDay,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        rows = dense_rows([day.rows for day in fit], ranker.device)
        asked_rows = dense_rows([scored.rows], ranker.device)
        for leak in leaks:
            told, asked = inputs_of(fit, scored, leak)
            rankers = SideBySide(
                ranker.network, told.shape[2], len(VARIANTS), ranker.options, self.options
            )
            rankers.train(rows, told.to(ranker.device), as_of.toordinal())
            yield leak, rankers.score(asked_rows, asked.to(ranker.device))
