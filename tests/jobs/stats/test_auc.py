import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score

from jobs.stats.auc_difference import compare
from tests.oracles.exact_auc import auc_pair_by_pair

# Few distinct scores make most pairs ties.
tied_rows = st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=30)


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """The AUC as every comparison computes it."""
    users = np.arange(np.size(labels))
    return compare(np.asarray(labels, np.int8), scores, scores, users).auc_baseline


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tied_rows)
def test_equals_the_count_of_pairs(rows: list[tuple[bool, int]]) -> None:
    labels = [label for label, _ in rows]
    scores = [score for _, score in rows]
    expected = auc_pair_by_pair(labels, scores)
    assert auc(labels, scores) == expected or math.isnan(expected)
    assert math.isnan(auc(labels, scores)) == math.isnan(expected)


@pytest.mark.parametrize("width", ["float32", "float64"])
@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_equals_scikit_learn(width: str, decimals: int) -> None:
    rng = np.random.default_rng(7)
    labels = rng.random(20_000) < 0.1
    scores = np.asarray(np.round(rng.normal(size=labels.size) + labels, decimals), width)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("labels", [[], [1], [0], [1, 1, 1], [0, 0]])
def test_is_nan_without_both_classes(labels: list[int]) -> None:
    assert math.isnan(auc(labels, [0.5] * len(labels)))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([5, 5, 5, 5], 0.5), ([1, 2, 2, 3], 0.875)],
)
def test_small_examples(scores: list[int], expected: float) -> None:
    assert auc([0, 0, 1, 1], scores) == expected


def test_orders_infinite_scores_and_ties_signed_zeros() -> None:
    assert auc([0, 0, 1, 1], [-np.inf, 0.0, -0.0, np.inf]) == 0.875


def test_row_order_and_monotone_transforms_change_nothing() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(500) < 0.3
    scores = np.round(rng.normal(size=500), 1)
    shuffled = rng.permutation(500)
    expected = auc(labels, scores)
    assert auc(labels[shuffled], scores[shuffled]) == expected
    assert auc(labels, np.exp(scores)) == expected
    assert auc(~labels, -scores) == expected
