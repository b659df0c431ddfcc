"""Which of many tests still count when all of them are taken into account."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which tests reject at a family-wise error rate of ``alpha`` (Holm, 1979).

    A NaN is no test: it is not rejected, and the others are not corrected for it.
    """
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    rejected = [False] * len(p_values)
    for passed, index in enumerate(sorted(tested, key=lambda index: p_values[index])):
        if p_values[index] > alpha / (len(tested) - passed):
            break
        rejected[index] = True
    return rejected
