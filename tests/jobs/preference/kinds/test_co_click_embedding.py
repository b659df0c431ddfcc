"""Vectors hold the PPMI matrix, in a basis that stays the same from day to day."""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from math import log
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from jobs.lake import Lake
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.co_click_embedding import (
    CONTEXT_POWER,
    CoClickEmbedding,
    ppmi_vectors,
)
from tests.jobs.feed import FEED_DAYS, FIRST, feed_scenario, windowed_clicks

Counts = dict[tuple[int, int], int]


def vectors_of(counts: Counts, dim: int) -> tuple[list[int], np.ndarray]:
    pairs = list(counts)
    np.random.default_rng(len(pairs)).shuffle(pairs)
    columns = [[one for one, _ in pairs], [other for _, other in pairs], [counts[p] for p in pairs]]
    ones, others, both = (pa.chunked_array([column]) for column in columns)
    ids, vectors = ppmi_vectors(ones, others, both, dim)
    return ids.to_pylist(), vectors


def ppmi_of(counts: Counts, ids: list[int]) -> np.ndarray:
    """The definition, one cell after another."""
    of_item: dict[int, int] = defaultdict(int)
    for (one, _), both in counts.items():
        of_item[one] += both
    smooth = {item: of_item[item] ** CONTEXT_POWER for item in ids}
    total, total_smooth = sum(of_item.values()), sum(smooth.values())
    matrix = np.zeros((len(ids), len(ids)))
    for (one, other), both in counts.items():
        chance = of_item[one] / total * smooth[other] / total_smooth
        matrix[ids.index(one), ids.index(other)] = max(0.0, log(both / total / chance))
    return matrix


def random_counts(seed: int, items: int = 30) -> Counts:
    """Each user clicks the items of one half of the catalogue more often."""
    generator = np.random.default_rng(seed)
    counts: Counts = defaultdict(int)
    for _ in range(400):
        half = generator.integers(0, 2)
        liked = half * items // 2 + generator.integers(0, items // 2, 4)
        clicked = {int(item) for item in [*liked, generator.integers(0, items)]}
        for pair in permutations(sorted(clicked), 2):
            counts[pair] += 1
    return counts


def test_vectors_are_the_left_half_of_the_svd() -> None:
    counts = random_counts(0)
    ids, vectors = vectors_of(counts, 4)
    assert ids == sorted(ids)
    left, strength, _ = np.linalg.svd(ppmi_of(counts, ids))
    exact = left[:, :4] * np.sqrt(strength[:4])
    # Whatever the rotation, the products of the vectors are the same.
    np.testing.assert_allclose(vectors @ vectors.T, exact @ exact.T, atol=2e-2)


def test_two_halves_of_the_same_log_agree_item_by_item() -> None:
    """Without a common basis, the rotation of each half would be arbitrary."""
    first_ids, first = vectors_of(random_counts(1), 4)
    second_ids, second = vectors_of(random_counts(2), 4)
    assert first_ids == second_ids
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    assert np.median((first * second).sum(axis=1) / lengths) > 0.7


def test_the_order_of_pairs_changes_nothing() -> None:
    counts = random_counts(3)
    reversed_counts = dict(reversed(list(counts.items())))
    _, one = vectors_of(counts, 4)
    _, other = vectors_of(reversed_counts, 4)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("items", [2, 3])
def test_fewer_items_than_dimensions(items: int) -> None:
    counts = dict.fromkeys(permutations(range(items), 2), 1)
    ids, vectors = vectors_of(counts, 16)
    assert vectors.shape == (items, 16)
    assert np.isfinite(vectors).all()
    assert len(ids) == items


def test_ids_may_be_text() -> None:
    ones, others = pa.chunked_array([["b", "a"]]), pa.chunked_array([["a", "b"]])
    ids, vectors = ppmi_vectors(ones, others, pa.chunked_array([[2, 2]]), 3)
    assert ids.to_pylist() == ["a", "b"]
    assert vectors.any()


def test_each_window_has_the_vectors_of_its_clicks(feed: Lake, spark: SparkSession) -> None:
    windows = tuple(TableWindow(FEED_DAYS[day], n) for day in (0, 1, 4) for n in (0, 2))
    behaviour = Behaviour(spark, feed, feed_scenario(), windows)
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in CoClickEmbedding(dim=3, clicks_a_user=4).build(behaviour).toArrow().to_pylist():
        found[row["known_at"]][row["item_id"]] = row
    assert FIRST.isoformat() not in found
    for known_at in behaviour.known_at[1:]:
        clicks = windowed_clicks(feed, known_at)
        of_user = defaultdict(list)
        for click in clicks:
            of_user[click.user_id].append(click)
        counts: Counts = defaultdict(int)
        users: dict[int, int] = defaultdict(int)
        for clicks_of_user in of_user.values():
            items = {click.item_id for click in clicks_of_user[-4:]}
            for item in items:
                users[item] += 1
            for pair in permutations(items, 2):
                counts[pair] += 1
        ids, vectors = vectors_of(counts, 3)
        table = found[known_at.isoformat()]
        assert sorted(table) == ids
        for item, vector in zip(ids, vectors, strict=True):
            assert table[item]["embedding"] == vector.tolist()
            assert table[item]["updates"] == users[item]
            assert table[item]["last_event"] == clicks[-1].ts
