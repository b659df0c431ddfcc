"""Probe mode: the rankers of all days stay frozen; small towers are fitted to the feature."""

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
from jobs.ranker.scoring.frozen_forward import FrozenRows
from jobs.ranker.towers.fit_parts import day_blocks
from jobs.ranker.towers.probe_towers import Towers
from jobs.ranker.towers.regression import BLOCKS
from jobs.scenarios import Mode


@dataclass(frozen=True)
class Probe:
    """Implements ``jobs.lis.fitted_modes.FittedMode``.

    Towers minimise a convex loss, so they need no seed: the rankers of a variant differ in the
    group of users that each leaves out.

    Attributes:
        fit_days: Days before T to fit to.
        fits: Groups of users, and rankers per variant; at least 2.
        mode: Always probe.
    """

    fit_days: int
    fits: int = 10
    mode: Mode = Mode.PROBE

    @property
    def identity(self) -> Sequence[object]:
        return [code_digest(__name__), self.fit_days, self.fits]

    @property
    def seeds(self) -> int:
        return self.fits

    def scores(
        self,
        as_of: date,
        fit: Sequence[DayFeatures],
        eval_day: DayFeatures,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        rows = FrozenRows.concatenated([day.frozen for day in fit])
        blocks = day_blocks([len(day.rows) for day in fit], BLOCKS)
        towers = Towers(rows, fit_groups(fit, self.fits), blocks)
        for leak in leaks:
            fit_inputs, score_inputs = tower_inputs(fit, eval_day, leak)
            fitted = towers.fit(fit_inputs.to(ranker.device))
            yield leak, towers.score(fitted, eval_day.frozen, score_inputs.to(ranker.device))
