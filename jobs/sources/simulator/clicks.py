"""The click model: taste match, quality and context, in logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.sources.simulator.exposure import LoggingPolicy
from jobs.sources.simulator.items import Items, items_alive
from jobs.sources.simulator.options import MAX_LIFE_DAYS, SimulatorOptions
from jobs.sources.simulator.sampling import WeightedSampler
from jobs.sources.simulator.streams import Stream, random_stream
from jobs.sources.simulator.world import users

DEVICES: Final = ("phone", "desktop", "tablet", "tv")
SLOTS: Final = 10

_DEVICE_SHARES: Final = np.array([0.6, 0.25, 0.1, 0.05])
_DEVICE_EFFECTS: Final = np.array([0.15, -0.1, 0.0, -0.5], dtype=np.float32)
_SLOT_EFFECTS: Final = np.float32(-0.08) * np.arange(SLOTS, dtype=np.float32)
_HOUR_EFFECTS: Final = (0.25 * np.cos((np.arange(24) - 21) * np.pi / 12)).astype(np.float32)

# Cumulative traffic by the hour: quiet before dawn, busiest in the evening.
_TRAFFIC: Final = np.cumsum(1 + 0.6 * np.cos((np.arange(24) - 20) * np.pi / 12))
HOUR_ENDS: Final = np.concatenate([[0.0], _TRAFFIC / _TRAFFIC[-1]])
"""Share of the day's impressions before each full hour 0 to 24."""

_DEVICE_SAMPLER: Final = WeightedSampler(_DEVICE_SHARES)
_REFERENCE_DAYS: Final = 8
_REFERENCE_ROWS: Final = 8_192


@dataclass(frozen=True)
class Context:
    """Context of impressions: hour 0 to 23, index into ``DEVICES``, slot 0 to 9; each (rows,)."""

    hour: NDArray[np.int64]
    device: NDArray[np.int32]
    slot: NDArray[np.int32]


def draw_context(rng: np.random.Generator, hour: NDArray[np.int64]) -> Context:
    """Draw contexts for impressions at the given hours."""
    device = _DEVICE_SAMPLER.draw(rng, len(hour))
    return Context(hour, device, rng.integers(0, SLOTS, len(hour), dtype=np.int32))


def click_logits(
    options: SimulatorOptions,
    items: Items,
    user: NDArray[np.int32],
    item: NDArray[np.int32],
    context: Context,
) -> NDArray[np.float32]:
    """Log-odds of a click without the constant :func:`click_bias`, in the shape of ``user``."""
    logits: NDArray[np.float32] = np.einsum(
        "rt,rt->r", users(options).tastes[user], items.traits[item]
    )
    logits += _HOUR_EFFECTS[context.hour]
    logits += _DEVICE_EFFECTS[context.device]
    logits += _SLOT_EFFECTS[context.slot]
    return logits


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function."""
    with np.errstate(over="ignore"):  # exp(-logit) = inf gives the correct limit, 0
        return np.float32(1) / (np.float32(1) + np.exp(-logits))


@lru_cache(maxsize=4)
def click_bias(options: SimulatorOptions) -> float:
    """The constant, in logits, with which the mean click probability is ``click_rate``.

    It is solved on fixed reference days that have no item in common, so that it depends neither on
    the start of the feed nor on the number of rows per day.
    """
    sample = np.concatenate([_reference_logits(options, index) for index in range(_REFERENCE_DAYS)])
    low, high = -100.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        if probabilities(sample + np.float32(middle)).mean() < options.click_rate:
            low = middle
        else:
            high = middle
    return low


def _reference_logits(options: SimulatorOptions, index: int) -> NDArray[np.float32]:
    rng = random_stream(options.seed, Stream.CALIBRATION, index)
    items = items_alive(options, MAX_LIFE_DAYS * (index + 1))
    user, item = LoggingPolicy(options, items).draw(rng, _REFERENCE_ROWS)
    hour = np.searchsorted(HOUR_ENDS, rng.random(_REFERENCE_ROWS), side="right") - 1
    return click_logits(options, items, user, item, draw_context(rng, hour))
