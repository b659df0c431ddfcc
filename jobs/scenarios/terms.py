"""Terms that configuration, tables and results share, each defined once."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Fold(StrEnum):
    """The part of the log that an impression belongs to permanently: see ``jobs.lake.folds``.

    ``LINEAGE`` trains the daily chain of rankers and ``FIT`` the models of probe and retrain mode.
    ``EVAL`` trains nothing: its rows are *held out*.
    """

    LINEAGE = "lineage"
    FIT = "fit"
    EVAL = "eval"


class Mode(StrEnum):
    """How leaked preference data reaches the ranker: see ``jobs.lis``.

    ``SWAP`` replaces embeddings of the ranker of T and trains nothing. ``PROBE`` trains small
    towers on frozen rankers and ``RETRAIN`` trains whole rankers; both do so with and without the
    leak, on rows of the fit fold from the days before T.
    """

    SWAP = "swap"
    PROBE = "probe"
    RETRAIN = "retrain"


LONGEST_NAME = 100
"""Characters of a name that becomes part of a file's or folder's name, which has 255 bytes."""

EvalRowsSeen = Literal["unknown", "yes", "no"]
"""Whether preference data was computed from labels of held-out rows."""
