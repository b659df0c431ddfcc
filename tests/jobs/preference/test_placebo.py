"""The placebo: each key gets the row of another key that is as popular."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.preference.placebo import shuffled

counts = st.lists(st.integers(0, 5_000), max_size=60)
examples = settings(max_examples=150, deadline=None, derandomize=True)


def bucket(popularity: int) -> int:
    """How many binary digits ``popularity + 1`` has: 0, 1-2, 3-6, 7-14 and so on."""
    return (popularity + 1).bit_length()


@given(counts, st.integers(0, 2**32))
@examples
def test_rows_are_permuted_within_buckets_and_none_stays(popularity: list[int], seed: int) -> None:
    taken = shuffled(np.array(popularity, np.int64), seed).tolist()
    buckets = [bucket(value) for value in popularity]
    alike = Counter(buckets)
    assert len(taken) == len(popularity)
    for key, other in enumerate(taken):
        if alike[buckets[key]] == 1:
            assert other == -1
        else:
            assert other not in (-1, key)
            assert buckets[other] == buckets[key]
    kept = [other for other in taken if other >= 0]
    assert len(set(kept)) == len(kept)


@given(counts, st.integers(0, 2**32))
@examples
def test_the_same_seed_gives_the_same_rows(popularity: list[int], seed: int) -> None:
    counts_of_keys = np.array(popularity, np.int64)
    again = shuffled(counts_of_keys.copy(), seed)
    assert shuffled(counts_of_keys, seed).tolist() == again.tolist()


def test_another_seed_gives_other_rows() -> None:
    popularity = np.full(100, 7, np.int64)
    first, second = shuffled(popularity, 1), shuffled(popularity, 2)
    assert (first != second).mean() > 0.9


def test_every_similar_key_is_chosen_in_the_long_run() -> None:
    popularity = np.full(4, 3, np.int64)
    met = Counter(int(shuffled(popularity, seed)[0]) for seed in range(600))
    assert set(met) == {1, 2, 3}
    assert min(met.values()) > 140


def test_no_key_and_one_key() -> None:
    assert shuffled(np.array([], np.int64), 0).tolist() == []
    assert shuffled(np.array([5], np.int64), 0).tolist() == [-1]
    assert shuffled(np.array([5, 6], np.int64), 0).tolist() == [1, 0]
