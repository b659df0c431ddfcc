"""Independent random streams and day numbers.

Every random draw belongs to a stream and a key such as a day. Streams are derived from the seed
independently, so days can be generated separately and in any order.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

import numpy as np

_EPOCH = date(1970, 1, 1)
MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


class Stream(IntEnum):
    """Purpose of a random stream. The numbers determine the generated data."""

    CONTENT = 1
    USERS = 2
    ITEMS = 3
    IMPRESSIONS = 4
    CALIBRATION = 5


def random_stream(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """The generator of one stream and key (non-negative integers)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, *key])))


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days
