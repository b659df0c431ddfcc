"""The few words that config, tables and results share, each spelt here alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Fold(StrEnum):
    """The part of the log that an impression belongs to, for ever: see ``jobs.lake.folds``.

    ``LINEAGE`` trains the daily chain of rankers, ``FIT`` what probe and retrain mode train, and
    ``EVAL`` trains nothing: its rows are *held out*.
    """

    LINEAGE = "lineage"
    FIT = "fit"
    EVAL = "eval"


class Mode(StrEnum):
    """How leaked preference data reaches the ranker: see ``jobs.lis``.

    ``SWAP`` replaces the embeddings of the ranker of T and trains nothing. ``PROBE`` fits small
    towers on frozen rankers, ``RETRAIN`` trains rankers side by side; both with and without the
    leak, on fit rows of the days before T.
    """

    SWAP = "swap"
    PROBE = "probe"
    RETRAIN = "retrain"


EvalRowsSeen = Literal["unknown", "yes", "no"]
"""Whether labels of held-out rows went into preference data."""
