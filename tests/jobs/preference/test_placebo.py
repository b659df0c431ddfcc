"""The placebo: each key gets the row of another key that is as popular."""

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs.preference.placebo import shuffled

counts = st.lists(st.integers(0, 5_000), max_size=60)
keys = st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), max_size=60)
examples = settings(max_examples=150, deadline=None, derandomize=True)


def bucket(popularity: int) -> int:
    """How many binary digits ``popularity + 1`` has: 0, 1-2, 3-6, 7-14 and so on."""
    return (popularity + 1).bit_length()


def shuffled_lineage(popularity: NDArray[np.int64], seed: int) -> list[int]:
    """All keys are of the lineage fold."""
    ids = pa.array(np.arange(len(popularity)))
    taken: list[int] = shuffled(ids, popularity, np.ones(len(ids), np.bool_), seed).tolist()
    return taken


@given(counts, st.integers(0, 2**32))
@examples
def test_rows_are_permuted_within_buckets_and_none_stays(popularity: list[int], seed: int) -> None:
    taken = shuffled_lineage(np.array(popularity, np.int64), seed)
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


@given(keys, st.integers(0, 2**32))
@examples
def test_keys_without_lineage_rows_change_no_other(
    of_keys: list[tuple[int, bool]], seed: int
) -> None:
    """Each key gets the same key's row, whichever keys of other folds the table has."""
    ids = np.array([f"item {number}" for number in range(len(of_keys))])
    popularity = np.array([count for count, _ in of_keys], np.int64)
    is_lineage = np.array([lineage for _, lineage in of_keys], np.bool_)
    taken = shuffled(pa.array(ids.tolist(), pa.string()), popularity, is_lineage, seed)
    lenders = {bucket(count) for count, lineage in of_keys if lineage}
    for key, other in enumerate(taken.tolist()):
        if other >= 0:
            assert is_lineage[other]
            assert bucket(of_keys[other][0]) == bucket(of_keys[key][0])
        elif not is_lineage[key]:
            assert bucket(of_keys[key][0]) not in lenders
    for kept in (is_lineage, is_lineage | (np.arange(len(ids)) % 2 == 0)):
        fewer = shuffled(
            pa.array(ids[kept].tolist(), pa.string()), popularity[kept], is_lineage[kept], seed
        )
        expected = np.append(ids, "")[taken[kept]].tolist()
        assert np.append(ids[kept], "")[fewer].tolist() == expected


@given(counts, st.integers(0, 2**32))
@examples
def test_the_same_seed_gives_the_same_rows(popularity: list[int], seed: int) -> None:
    counts_of_keys = np.array(popularity, np.int64)
    again = shuffled_lineage(counts_of_keys.copy(), seed)
    assert shuffled_lineage(counts_of_keys, seed) == again


def test_another_seed_gives_other_rows() -> None:
    popularity = np.full(100, 7, np.int64)
    first, second = (np.array(shuffled_lineage(popularity, seed)) for seed in (1, 2))
    assert (first != second).mean() > 0.9


def test_every_similar_key_is_chosen_in_the_long_run() -> None:
    popularity = np.full(4, 3, np.int64)
    met = Counter(shuffled_lineage(popularity, seed)[0] for seed in range(600))
    assert set(met) == {1, 2, 3}
    assert min(met.values()) > 140
    is_lineage = np.array([False, True, True, True])
    met = Counter(
        int(shuffled(pa.array([7, 8, 9, 10]), popularity, is_lineage, seed)[0])
        for seed in range(600)
    )
    assert set(met) == {1, 2, 3}
    assert min(met.values()) > 140


def test_no_key_and_one_key() -> None:
    assert shuffled_lineage(np.array([], np.int64), 0) == []
    assert shuffled_lineage(np.array([5], np.int64), 0) == [-1]
    assert shuffled_lineage(np.array([5, 6], np.int64), 0) == [1, 0]
