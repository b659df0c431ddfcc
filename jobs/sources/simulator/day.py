"""One day of the feed, generated independently of others in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.sources.simulator.clicks import (
    DEVICES,
    HOUR_ENDS,
    click_bias,
    click_logits,
    draw_context,
    probabilities,
)
from jobs.sources.simulator.exposure import LoggingPolicy
from jobs.sources.simulator.items import items_alive
from jobs.sources.simulator.options import SimulatorOptions
from jobs.sources.simulator.streams import (
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    Stream,
    day_number,
    random_stream,
)

CHUNK_ROWS = 2**18
"""Rows of a full chunk. It determines the data, since each chunk has its own random stream."""

_IMPRESSION_ID_BITS = 32
_TIMESTAMP = pa.timestamp("us", "UTC")

IMPRESSIONS_SCHEMA = pa.schema(
    [
        ("impression_id", pa.int64()),
        ("user_id", pa.int64()),
        ("item_id", pa.int64()),
        ("ts", _TIMESTAMP),
        ("label", pa.int8()),
        ("device", pa.string()),
        ("slot", pa.int32()),
    ]
)
TRUTH_SCHEMA = pa.schema(
    [("impression_id", pa.int64()), ("ts", _TIMESTAMP), ("click_probability", pa.float64())]
)


@dataclass(frozen=True)
class DayChunk:
    """Consecutive impressions of one day, sorted by ts, and their true click probabilities.

    impressions: impression_id, user_id, item_id, ts, label, device, slot.
    truth: impression_id, ts, click_probability; the same rows in the same order.
    """

    impressions: pa.Table
    truth: pa.Table


def generate_day(options: SimulatorOptions, day: date) -> Iterator[DayChunk]:
    """Yield the impressions of a day in order of time, at most ``CHUNK_ROWS`` at once.

    They depend on the options and the day alone, not on any other day.
    """
    number = day_number(day)
    items = items_alive(options, number)
    policy = LoggingPolicy(options, items)
    bias = np.float32(click_bias(options))
    for index, first in enumerate(range(0, options.rows_per_day, CHUNK_ROWS)):
        rows = min(CHUNK_ROWS, options.rows_per_day - first)
        rng = random_stream(options.seed, Stream.IMPRESSIONS, number, index)
        position = np.arange(first, first + rows)
        since_midnight = _times(rng, position, options.rows_per_day)
        user, item = policy.draw(rng, rows)
        context = draw_context(rng, since_midnight // MICROSECONDS_PER_HOUR)
        probability = probabilities(click_logits(options, items, user, item, context) + bias)
        label = rng.random(rows, np.float32) < probability

        impression_id = pa.array((number << _IMPRESSION_ID_BITS) + position)
        ts = pa.array(number * MICROSECONDS_PER_DAY + since_midnight).cast(_TIMESTAMP)
        device = pa.DictionaryArray.from_arrays(context.device, list(DEVICES))
        impressions = [
            impression_id,
            pa.array(user.astype(np.int64)),
            pa.array(items.item_id[item]),
            ts,
            pa.array(label.view(np.int8)),
            device.cast(pa.string()),
            pa.array(context.slot),
        ]
        truth = [impression_id, ts, pa.array(probability.astype(np.float64))]
        yield DayChunk(
            pa.Table.from_arrays(impressions, schema=IMPRESSIONS_SCHEMA),
            pa.Table.from_arrays(truth, schema=TRUTH_SCHEMA),
        )


def _times(
    rng: np.random.Generator, position: NDArray[np.int64], rows_per_day: int
) -> NDArray[np.int64]:
    """Ascending microseconds since midnight for the rows at ``position`` of the day.

    Each row has an equal share of the day's traffic and a random time within it, so that chunks
    are in order of time although they are generated independently.
    """
    share = (position + rng.random(len(position))) / rows_per_day
    times = np.interp(share, HOUR_ENDS, np.arange(25) * float(MICROSECONDS_PER_HOUR))
    whole: NDArray[np.int64] = times.astype(np.int64)
    np.minimum(whole, MICROSECONDS_PER_DAY - 1, out=whole)
    return whole
