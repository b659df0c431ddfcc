"""The first day of a dense feature in a lineage: its head is made, and its scale is fixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pyarrow as pa

from jobs.lake import Lake
from jobs.ranker.model.dense_features import known_vectors, read_dense_features
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.read_day import read_day
from jobs.scenarios import ITEM, Fold, Scenario


def begin_dense_features(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> None:
    """Give a ranker that is to be trained on a day the dense features of its scenario.

    A feature begins on the first day that shows an item with a vector: the day's rows of the
    lineage fold fix how its vectors are standardised, on all later days too. The ranker scores the
    same until it is trained. If all have begun, this is ``read_dense_features``.

    Args:
        ranker: M_D.
        lake: Where the day's rows and the items are stored.
        scenario: The ranker's scenario.
        day: Day D.

    Raises:
        InputError: If an item has a vector that cannot be used.
    """
    for name in scenario.ranker.dense_features:
        if name not in ranker.network.heads_of_vectors:
            table = known_vectors(lake, scenario, name, day)
            vectors = ItemVectors.standardised(table, _candidates(lake, scenario, day))
            if vectors.scale.coverage:
                ranker.add_item_vectors(name, replace(vectors, through=day))
    read_dense_features(ranker, lake, scenario, day)


def _candidates(lake: Lake, scenario: Scenario, day: date) -> Iterator[pa.Array]:
    for chunk in read_day(lake, scenario, day, {Fold.LINEAGE}):
        yield chunk.impressions[ITEM]
