"""The logging policy: which item is shown to which user.

The policy weights items by promotion and prefers those whose content matches the user's taste. It
does not use the idiosyncratic part of an item, so exposures reveal nothing about it; only clicks
do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.sources.simulator.items import Items
from jobs.sources.simulator.options import SimulatorOptions
from jobs.sources.simulator.sampling import WeightedSampler
from jobs.sources.simulator.world import users


class LoggingPolicy:
    """The policy of one day, over the items alive on that day."""

    def __init__(self, options: SimulatorOptions, items: Items) -> None:
        """Compute exposure weights of ``items``."""
        self._options = options
        self._users = users(options)
        self._items = items
        weights = np.exp(options.exposure_skew * items.promotion.astype(np.float64))
        self._promoted = WeightedSampler(weights)

    def draw(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Draw users and items of ``rows`` impressions, as indices into users and ``items``.

        Two items are drawn by promotion, and a logistic rule on the difference of their expected
        logits chooses one. A share of rows (``exploration``) then shows a uniformly drawn item.
        """
        user = self._users.activity.draw(rng, rows)
        item = self._promoted.draw(rng, rows)
        rival = self._promoted.draw(rng, rows)
        expected = self._items.expected_traits
        gain = expected[rival]
        gain -= expected[item]
        odds = np.einsum("rt,rt->r", gain, self._users.tastes[user])
        odds *= -self._options.personalisation
        np.copyto(item, rival, where=rng.random(rows, np.float32) * (1 + np.exp(odds)) < 1)
        explored = np.flatnonzero(rng.random(rows, np.float32) < self._options.exploration)
        item[explored] = rng.integers(
            0, len(self._items.item_id), size=len(explored), dtype=np.int32
        )
        return user, item
