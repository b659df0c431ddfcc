"""Names of the ways in which an AIS is measured."""

from __future__ import annotations

from enum import StrEnum

from jobs.scenarios import Mode


class AisMode(StrEnum):
    """How rankers come to use the vectors of an encoder.

    ``PROBE`` and ``RETRAIN`` fit rankers as a Leakage Impact Score in these modes does.
    ``LINEAGE`` trains the whole ranker from day to day, with the vectors as an input of it.
    """

    PROBE = Mode.PROBE.value
    RETRAIN = Mode.RETRAIN.value
    LINEAGE = "lineage"


class HeadName(StrEnum):
    """How the rankers of probe and retrain mode read a vector: see ``jobs.ais.heads``."""

    RAW = "raw"
    SIMILARITY = "similarity"
    CODES = "codes"
