"""What a scored day hands to the statistics, whatever mode it was scored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BASELINE, LEAKED, KNOWN, PLACEBO = "baseline", "leaked", "known", "placebo"

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredDay:
    """The rows of a day with the scores of every variant of the ranker.

    rows: the columns user_id, label and fold, and any others. variants: click probabilities
    by variant, shape (seeds, rows); ``baseline`` and ``leaked`` must be there, ``known`` (the
    feature as known on the day) and ``placebo`` (the leaked feature, shuffled) may be. Seed s of
    one variant is compared with seed s of another. covered: whether the leaked table holds the
    row's item, shape (rows,). slices: the value of each row by slice name, shape (rows,).
    Raises ValueError where a variant is missing or shapes do not agree.
    """

    rows: pa.Table
    variants: Mapping[str, Scores]
    covered: NDArray[np.bool_]
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (BASELINE, LEAKED):
            if name not in self.variants:
                raise ValueError(f"a scored day needs the variant {name!r}")
        seeds = len(self.variants[BASELINE])
        for name, scores in self.variants.items():
            if scores.ndim != 2 or scores.shape != (seeds, self.rows.num_rows) or not seeds:
                raise ValueError(
                    f"variant {name!r} has shape {scores.shape}, not "
                    f"(seeds, rows) = ({seeds}, {self.rows.num_rows})"
                )
        for name, values in {"covered": self.covered, **self.slices}.items():
            if values.shape != (self.rows.num_rows,):
                raise ValueError(
                    f"{name!r} has shape {values.shape}, the day has {self.rows.num_rows} rows"
                )

    @property
    def seeds(self) -> int:
        return len(self.variants[BASELINE])
