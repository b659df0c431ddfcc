from collections.abc import Iterable
from itertools import zip_longest

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import AuditError
from jobs.ranker.model.vocabulary import LearningVocabulary, Vocabulary

IDS = st.lists(st.lists(st.one_of(st.none(), st.integers(-3, 20)), max_size=15), max_size=5)


@settings(deadline=None, max_examples=60)
@given(batches=IDS, kind=st.sampled_from([pa.int64(), pa.string()]))
def test_ids_keep_their_rows_in_order_of_first_appearance(
    batches: list[list[int | None]], kind: pa.DataType
) -> None:
    vocabulary, expected = Vocabulary.empty(kind), {}
    for batch in batches:
        values = [None if v is None else v if kind == pa.int64() else str(v) for v in batch]
        vocabulary = vocabulary.extended(pa.array(values, kind))
        for value in values:
            if value is not None:
                expected.setdefault(value, len(expected))
        assert vocabulary.ids.to_pylist() == list(expected)
        found = vocabulary.rows(pa.array([*values, None], kind))
        assert found.tolist() == [expected.get(value, -1) for value in [*values, None]]


def test_unknown_ids_have_no_row() -> None:
    vocabulary = Vocabulary(pa.array(["a", "b"]))
    assert vocabulary.rows(pa.array(["b", "c", "", "a"])).tolist() == [1, -1, -1, 0]


def test_a_big_int64_is_not_rounded() -> None:
    vocabulary = Vocabulary(pa.array([2**53, 2**53 + 1]))
    assert vocabulary.rows(pa.array([2**53 + 1, 2**53, None])).tolist() == [1, 0, -1]


@pytest.mark.parametrize("ids", [[1, 1], [1, None]])
def test_a_broken_vocabulary_is_refused(ids: list[int | None]) -> None:
    with pytest.raises(AuditError):
        Vocabulary(pa.array(ids, pa.int64()))


def test_ids_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="string"):
        Vocabulary(pa.array([1])).rows(pa.array(["1"]))


@settings(deadline=None, max_examples=100)
@given(known=st.sets(st.integers(-3, 20)), batches=IDS, looked_up=IDS, text=st.booleans())
def test_ids_learnt_while_they_are_read_get_the_rows_of_those_learnt_before(
    known: set[int], batches: list[list[int | None]], looked_up: list[list[int | None]], text: bool
) -> None:
    def ids(values: Iterable[int | None]) -> pa.Array:
        return pa.array(values, pa.int64()).cast(pa.string() if text else pa.int64())

    before = Vocabulary(ids(known))
    after, learning = before, LearningVocabulary(before)
    for batch in batches:
        after = after.extended(ids(batch))
    for batch, others in zip_longest(batches, looked_up, fillvalue=[]):
        found = learning.look_up(ids(others)), learning.learn(ids(batch))
        # As far as it is settled: ids that later batches learn have no row yet.
        for values, rows in zip((others, batch), found, strict=True):
            for value, row in zip(values, learning.settled(rows), strict=True):
                assert row in (-1, after.rows(ids([value]))[0])
        assert -1 not in learning.settled(found[1])[[value is not None for value in batch]]
    whole = [value for batch in [*batches, *looked_up] for value in batch]
    assert (
        learning.settled(learning.look_up(ids(whole))).tolist() == after.rows(ids(whole)).tolist()
    )
    assert before.extended(learning.ids).ids.equals(after.ids)
    assert len(learning) >= len(after)
