"""Probe mode: the rankers of all days stay frozen, and small towers learn what the feature adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.lis.fit_features import ToldDay, inputs_of
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.towers.probe_towers import FrozenRows, Towers
from jobs.scenarios import Mode

PROBE_REVISION = 1
"""Raised by hand when the same tables would give other scores: stored ones are then stale."""


@dataclass(frozen=True)
class Probe:
    """See ``jobs.lis.fitted_modes.Training``. Towers are fitted exactly, so there are no seeds."""

    fit_days: int
    mode: Mode = Mode.PROBE
    seeds: int = 1

    @property
    def identity(self) -> Sequence[object]:
        return [PROBE_REVISION, self.fit_days]

    def scores(
        self,
        as_of: date,
        fit: Sequence[ToldDay],
        scored: ToldDay,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        rows = FrozenRows.joined([day.frozen for day in fit])
        towers = Towers(rows)
        for leak in leaks:
            told, asked = inputs_of(fit, scored, leak)
            fitted = towers.fitted(told.to(ranker.device))
            yield leak, towers.score(fitted, scored.frozen, asked.to(ranker.device))
