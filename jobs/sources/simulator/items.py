"""Items: birth, lifetime, content and traits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.sources.simulator.options import MAX_LIFE_DAYS, MIN_LIFE_DAYS, SimulatorOptions
from jobs.sources.simulator.streams import (
    MICROSECONDS_PER_DAY,
    Stream,
    day_number,
    random_stream,
)
from jobs.sources.simulator.vocabulary import ADJECTIVES, CATEGORY_WORDS
from jobs.sources.simulator.world import CENTROID_SHARE, content_map

_ITEM_ID_BITS = 20
_LIFE_CONCENTRATION = 2.5


@dataclass(frozen=True)
class Items:
    """A set of items, one entry per item in each array.

    item_id: int64, birth day number * 2**20 + index within the day.
    life_days: whole days from the start of the birth day to the end of the life.
    category: index of the category. nouns: (items, 2) indices of title words.
    vector: (items, vector_dimensions). traits: (items, taste_dimensions + 1).
    expected_traits: the part of ``traits`` that content explains.
    promotion: standard normal; how strongly the feed promotes the item regardless of its traits.
    """

    item_id: NDArray[np.int64]
    life_days: NDArray[np.int64]
    category: NDArray[np.int64]
    nouns: NDArray[np.int64]
    vector: NDArray[np.float32]
    traits: NDArray[np.float32]
    expected_traits: NDArray[np.float32]
    promotion: NDArray[np.float32]


def items_born(options: SimulatorOptions, birth_day: int) -> Items:
    """The items born at the start of a day number."""
    rng = random_stream(options.seed, Stream.ITEMS, birth_day)
    content = content_map(options)
    count = options.new_items_per_day

    span = MAX_LIFE_DAYS - MIN_LIFE_DAYS
    mean = (options.item_life_days - MIN_LIFE_DAYS) / span
    share = rng.beta(_LIFE_CONCENTRATION * mean, _LIFE_CONCENTRATION * (1 - mean), count)
    life_days = MIN_LIFE_DAYS + rng.binomial(span, share)

    category = rng.integers(0, options.categories, count)
    residual = rng.standard_normal((count, options.vector_dimensions))
    vector = np.sqrt(CENTROID_SHARE) * content.centroids[category]
    vector += np.sqrt(1 - CENTROID_SHARE) * residual

    idiosyncratic = rng.standard_normal((count, options.taste_dimensions + 1))
    expected = np.sqrt(1 - options.idiosyncratic_share) * (vector @ content.weights)
    traits = expected + np.sqrt(options.idiosyncratic_share) * idiosyncratic
    return Items(
        item_id=(birth_day << _ITEM_ID_BITS) + np.arange(count, dtype=np.int64),
        life_days=life_days,
        category=category,
        nouns=rng.integers(0, len(next(iter(CATEGORY_WORDS.values()))), (count, 2)),
        vector=vector.astype(np.float32),
        traits=traits.astype(np.float32),
        expected_traits=expected.astype(np.float32),
        promotion=rng.standard_normal(count, np.float32),
    )


def items_alive(options: SimulatorOptions, day: int) -> Items:
    """The items alive on a day number, ascending by id. They are alive during the whole day."""
    generations = []
    for birth_day in range(day - MAX_LIFE_DAYS + 1, day + 1):
        born = items_born(options, birth_day)
        living = born.life_days > day - birth_day
        generations.append([getattr(born, field.name)[living] for field in fields(Items)])
    return Items(*(np.concatenate(column) for column in zip(*generations, strict=True)))


def generate_items(options: SimulatorOptions, day: date) -> pa.Table:
    """The items born on ``day``.

    Columns: item_id int64, first_seen timestamp[us, UTC] (the first instant of the birth day),
    title string, category string, vector fixed_size_list<float32>[vector_dimensions].
    """
    return _items_table(options, items_born(options, day_number(day)))


def alive_items(options: SimulatorOptions, day: date) -> pa.Table:
    """The items alive on ``day``, with the columns of :func:`generate_items`."""
    return _items_table(options, items_alive(options, day_number(day)))


def _items_table(options: SimulatorOptions, items: Items) -> pa.Table:
    first_seen = (items.item_id >> _ITEM_ID_BITS) * MICROSECONDS_PER_DAY
    vector = pa.FixedSizeListArray.from_arrays(items.vector.ravel(), options.vector_dimensions)
    return pa.table(
        {
            "item_id": items.item_id,
            "first_seen": pa.array(first_seen).cast(pa.timestamp("us", "UTC")),
            "title": _titles(items),
            "category": pa.array(list(CATEGORY_WORDS)).take(pa.array(items.category)),
            "vector": vector,
        }
    )


def _titles(items: Items) -> pa.Array:
    """An adjective by the position of the vector's largest entry, and two nouns of the category."""
    nouns = np.array(list(CATEGORY_WORDS.values()))[items.category[:, None], items.nouns]
    adjectives = np.array(ADJECTIVES)[items.vector.argmax(axis=1) % len(ADJECTIVES)]
    words = (pa.array(column, pa.string()) for column in (adjectives, nouns[:, 0], nouns[:, 1]))
    return pc.binary_join_element_wise(*words, " ")
