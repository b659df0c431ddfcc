from dataclasses import fields

import numpy as np
import pytest

from jobs.stats.auc_contributions import combine, contributions, contributions_of_pairs
from jobs.stats.columns import Users, user_codes
from tests.oracles.exact_auc import auc


def test_a_user_of_both_dates_appears_once_with_the_sum() -> None:
    first = contributions([1, 0, 1, 0], [1, 2, 3, 4], [4, 2, 3, 1], ["a", "a", "b", "b"])
    second = contributions([1, 0, 0], [1, 2, 3], [3, 1, 2], ["c", "b", "b"])
    both = combine(first, second)

    sums = dict(zip(both.users, both.positive_sums + both.negative_sums, strict=True))
    of_first = dict(zip(first.users, first.positive_sums + first.negative_sums, strict=True))
    of_second = dict(zip(second.users, second.positive_sums + second.negative_sums, strict=True))
    assert sums == pytest.approx(
        {"a": of_first["a"], "b": of_first["b"] + of_second["b"], "c": of_second["c"]}
    )
    assert dict(zip(both.users, both.has_positive, strict=True)) == {"a": 1, "b": 1, "c": 1}
    assert dict(zip(both.users, both.has_negative, strict=True)) == {"a": 1, "b": 1, "c": 0}
    assert (both.rows, both.positives, both.pairs) == (7, 3, 6)


def test_the_order_of_dates_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    dates = []
    for rows in (40, 60):
        labels = rng.integers(0, 2, rows)
        dates.append(
            contributions(labels, rng.random(rows), rng.random(rows), rng.integers(0, 9, rows))
        )
    forward, backward = combine(*dates), combine(*reversed(dates))
    at = np.argsort(forward.users), np.argsort(backward.users)
    for name in ("users", "positive_sums", "negative_sums", "has_positive", "has_negative"):
        np.testing.assert_array_equal(
            getattr(forward, name)[at[0]], getattr(backward, name)[at[1]], err_msg=name
        )


def test_integer_and_string_ids_are_not_confused() -> None:
    number = contributions([1, 0], [1, 2], [2, 1], np.array([1, 2]))
    text = contributions([1, 0], [1, 2], [2, 1], np.array(["1", "2"]))
    assert combine(number, text).users.size == 4


def test_contributions_of_a_date_sum_to_zero_in_each_class() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 300)
    date = contributions(labels, rng.random(300), rng.random(300), rng.integers(0, 20, 300))
    assert date.positive_sums.sum() == pytest.approx(0, abs=1e-8)
    assert date.negative_sums.sum() == pytest.approx(0, abs=1e-8)
    assert np.abs(date.positive_sums).max() > 1


def test_a_date_with_one_class_adds_rows_and_users_only() -> None:
    date = contributions([1, 1], [1, 2], [2, 1], ["a", "b"])
    assert (date.rows, date.positives, date.users.size) == (2, 2, 2)
    assert (date.pairs, date.paired_positives, date.paired_negatives) == (0, 0, 0)
    assert not date.has_positive.any()
    assert not date.positive_sums.any()


def test_pairs_of_scores_taken_together_are_what_they_are_alone() -> None:
    rng = np.random.default_rng(6)
    labels, users = rng.integers(0, 2, 200), rng.integers(0, 20, 200)
    scores = {name: rng.integers(0, 50, (3, 200)) / 7 for name in ("a", "b", "c")}
    pairs = [("a", "b"), ("b", "c"), ("c", "a")]
    numbered = Users(*user_codes(users, 200))
    for pair, found in zip(
        pairs, contributions_of_pairs(labels, scores, pairs, numbered), strict=True
    ):
        alone = contributions(labels, scores[pair[0]], scores[pair[1]], users)
        for field in fields(found):
            np.testing.assert_array_equal(
                getattr(found, field.name), getattr(alone, field.name), err_msg=field.name
            )


def test_a_large_date_counts_the_wins_that_the_auc_counts() -> None:
    rng = np.random.default_rng(7)
    labels = rng.random(20_000) < 0.1
    scores = rng.random(20_000), np.round(rng.normal(size=20_000), 2)
    date = contributions(labels, *scores, rng.integers(0, 900, 20_000))
    assert date.doubled_wins_baseline[0] / (2 * date.pairs) == auc(labels, scores[0])
    assert date.doubled_wins_treatment[0] / (2 * date.pairs) == auc(labels, scores[1])
