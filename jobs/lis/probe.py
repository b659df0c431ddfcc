"""Probe mode: the rankers of all days stay frozen; small towers are fitted to the feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.common.code_digest import code_digest
from jobs.lis.fit_features import DayFeatures, tower_inputs
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.scoring.frozen_forward import FrozenRows
from jobs.ranker.towers.probe_towers import Towers
from jobs.scenarios import Mode


@dataclass(frozen=True)
class Probe:
    """Implements ``jobs.lis.fitted_modes.FittedMode``.

    Towers minimise a convex loss, so a single seed is enough.

    Attributes:
        fit_days: Days before T to fit to.
        mode: Always probe.
        seeds: Always 1.
    """

    fit_days: int
    mode: Mode = Mode.PROBE
    seeds: int = 1

    @property
    def identity(self) -> Sequence[object]:
        return [code_digest(__name__), self.fit_days]

    def scores(
        self,
        as_of: date,
        fit: Sequence[DayFeatures],
        eval_day: DayFeatures,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        rows = FrozenRows.concatenated([day.frozen for day in fit])
        towers = Towers(rows)
        for leak in leaks:
            fit_inputs, score_inputs = tower_inputs(fit, eval_day, leak)
            fitted = towers.fit(fit_inputs.to(ranker.device))
            yield leak, towers.score(fitted, eval_day.frozen, score_inputs.to(ranker.device))
