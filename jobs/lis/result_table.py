"""The table that results are stored in: Leakage Impact Scores, or what stands on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.evaluation.measurement import Measurement
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import LIS
from jobs.evaluation.scored_day import TREATMENT
from jobs.lake.addresses import Keys
from jobs.preference import PreferenceKind


@dataclass(frozen=True)
class ResultTable:
    """The table that results are stored in, and what its results have.

    Attributes:
        name: Name of the table.
        kind: Class of its results.
        treatment: The variant whose gain is measured on slices.
        keys: Partition keys of its results beside those of a Leakage Impact Score.
        finished: Turns a Leakage Impact Score into a result of the class.
    """

    name: str = LIS
    kind: type[LisResult] = LisResult
    treatment: str = TREATMENT
    keys: Callable[[PreferenceKind], Keys] = lambda _: ()
    finished: Callable[[LisResult], LisResult] = lambda result: result

    def measurement(self) -> Measurement:
        """Return the measurement of a result, without any day."""
        return Measurement(self.kind.declared_figures(), self.treatment)


LEAKAGE_IMPACT_SCORES = ResultTable()
