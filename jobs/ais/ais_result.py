"""The result of an aligned encoder: its AUC Improvement Score beside the bound of the LIS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from jobs.ais.terms import AisMode, HeadName
from jobs.evaluation.figure import Figure
from jobs.evaluation.figures import alignment_figures
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_table
from jobs.lake import Lake
from jobs.lake.addresses import Keys
from jobs.stats.estimate import Estimate

AIS_TABLE = "ais"


@dataclass(frozen=True, kw_only=True)
class AisResult(LisResult):
    """One AUC Improvement Score (arXiv 2508.04963), on the rows and with the head of its LIS.

    ``fit_days`` counts the days from the alignment on; of pooled days, the one with the fewest.

    Its figures are those of a Leakage Impact Score, for the bound as the same rankers measure it,
    and those of ``jobs.evaluation.declared.alignment``.

    Attributes:
        encoder: Version of the encoder and of how it was aligned.
        aligned_at: The encoder has seen nothing of this day or later.
        head: How towers read the vectors: one of ``jobs.ais.terms.HeadName``.
        recall: Mean of the recall at 1, 10 and 100 of validation items; NaN if unavailable.
        explained: Share of the variance of validation items' targets that the aligned vectors tell,
            where these stand in for the ranker's own embeddings; else NaN.
        diagnosis: One of ``jobs.ais.diagnosis.Diagnosis``.
        diagnosis_reason: Why.
    """

    encoder: str
    aligned_at: str
    head: str = HeadName.RAW.value
    recall: float = math.nan
    explained: float = math.nan
    diagnosis: str = ""
    diagnosis_reason: str = ""

    @classmethod
    def declared_figures(cls) -> Sequence[Figure]:
        """See ``Evaluation.declared_figures``."""
        return alignment_figures()

    @property
    def way(self) -> str:
        """The mode, and the head where it is not that of raw vectors."""
        return self.mode if self.head == HeadName.RAW else f"{self.mode}, {self.head}"

    @property
    def title(self) -> str:
        """What tells the result apart from others of its days, in a line."""
        leak = "" if self.mode == AisMode.LINEAGE else f", n = {self.horizon}"
        return f"{self.preference}, {self.way}{leak}"

    @property
    def aligned_day(self) -> date:
        """Day of the encoder."""
        return date.fromisoformat(self.aligned_at)

    @property
    def ais_estimate(self) -> Estimate:
        """The AUC Improvement Score."""
        return self._estimate("ais")

    @property
    def realised_estimate(self) -> Estimate:
        """The AIS as a share of the LIS."""
        return self._estimate("realised")

    @property
    def placebo_estimate(self) -> Estimate:
        """The gain of the aligned vectors shuffled among items."""
        return self._estimate("ais_placebo")


def ais_keys(encoder: str, aligned_at: date, head: HeadName) -> Keys:
    """Partition keys of a result beside those of a Leakage Impact Score."""
    keys = (("encoder", encoder), ("aligned_at", aligned_at.isoformat()))
    return keys if head == HeadName.RAW else (*keys, ("head", head.value))


def read_ais(
    lake: Lake, scenario: str, first: date | None = None, last: date | None = None
) -> list[AisResult]:
    """Return the AUC Improvement Scores of a scenario; see ``read_table``."""
    return read_table(lake, AIS_TABLE, AisResult, scenario, first, last)
