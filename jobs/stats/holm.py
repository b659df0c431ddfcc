"""Correction of many tests for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Return which tests reject at a family-wise error rate of ``alpha`` (Holm, 1979).

    A NaN is not counted as a test: it never rejects and does not correct the others.
    """
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    rejected = [False] * len(p_values)
    for passed, index in enumerate(sorted(tested, key=lambda index: p_values[index])):
        if p_values[index] > alpha / (len(tested) - passed):
            break
        rejected[index] = True
    return rejected
