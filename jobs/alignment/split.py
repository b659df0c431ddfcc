"""The two parts that the items of preference data are split into."""

from __future__ import annotations

from enum import StrEnum


class Split(StrEnum):
    """What an item is used for; its values are those of the column ``split``."""

    TRAIN = "train"
    VALIDATION = "validation"
