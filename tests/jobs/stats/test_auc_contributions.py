from dataclasses import fields

import numpy as np

from jobs.stats.auc_contributions import combine, contributions, contributions_of_pairs
from jobs.stats.columns import Users, user_codes
from tests.oracles.exact_auc import auc


def test_a_user_of_both_dates_appears_once_with_the_sum() -> None:
    first = contributions([1, 0, 1, 0], [1, 2, 3, 4], [4, 2, 3, 1], ["a", "a", "b", "b"])
    second = contributions([1, 0, 0], [1, 2, 3], [3, 1, 2], ["c", "b", "b"])
    both = combine(first, second)

    for name in ("lost_wins", "lost_pairs", "paired_positives", "paired_negatives"):
        sums, of_first, of_second = (
            dict(zip(one.users, np.atleast_2d(getattr(one, name))[0], strict=True))
            for one in (both, first, second)
        )
        expected = {"a": of_first["a"], "b": of_first["b"] + of_second["b"], "c": of_second["c"]}
        assert sums == expected, name
    assert both.paired_positives.tolist() == [1, 1, 1]
    assert both.paired_negatives.tolist() == [1, 3, 0]
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
    for name in ("users", "lost_pairs", "paired_positives", "paired_negatives"):
        np.testing.assert_array_equal(
            getattr(forward, name)[at[0]], getattr(backward, name)[at[1]], err_msg=name
        )
    np.testing.assert_array_equal(forward.lost_wins[:, at[0]], backward.lost_wins[:, at[1]])


def test_integer_and_string_ids_are_not_confused() -> None:
    number = contributions([1, 0], [1, 2], [2, 1], np.array([1, 2]))
    text = contributions([1, 0], [1, 2], [2, 1], np.array(["1", "2"]))
    assert combine(number, text).users.size == 4


def test_what_a_user_takes_away_is_all_of_its_pairs_counted_once() -> None:
    # The pairs are a1-a0, a1-b0, b1-a0 and b1-b0: the treatment wins all, the baseline none.
    date = contributions([1, 0, 1, 0], [1, 2, 1, 2], [2, 1, 2, 1], ["a", "a", "b", "b"])
    assert date.lost_pairs.tolist() == [3, 3]
    assert date.lost_wins.tolist() == [[6, 6]]
    assert date.gained.tolist() == [8]


def test_a_date_with_one_class_adds_rows_and_users_only() -> None:
    date = contributions([1, 1], [1, 2], [2, 1], ["a", "b"])
    assert (date.rows, date.positives, date.users.size) == (2, 2, 2)
    assert date.pairs == 0
    for name in ("lost_wins", "lost_pairs", "paired_positives", "paired_negatives"):
        assert not getattr(date, name).any(), name


def test_a_date_without_rows_adds_nothing() -> None:
    date = contributions([], [], [], np.array([], dtype=np.int64))
    assert (date.rows, date.positives, date.pairs, date.users.size) == (0, 0, 0, 0)
    some = contributions([1, 0], [1, 2], [2, 1], np.array([1, 2]))
    assert combine(some, date).lost_wins.tolist() == some.lost_wins.tolist()


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
