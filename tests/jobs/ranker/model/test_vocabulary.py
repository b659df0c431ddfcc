from collections.abc import Iterable
from itertools import zip_longest

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import AuditError
from jobs.ranker.model.vocabulary import Vocabulary, VocabularyBuilder

IDS = st.lists(st.lists(st.one_of(st.none(), st.integers(-3, 20)), max_size=15), max_size=5)


@settings(deadline=None, max_examples=60)
@given(batches=IDS, id_type=st.sampled_from([pa.int64(), pa.string()]))
def test_ids_keep_their_rows_in_order_of_first_appearance(
    batches: list[list[int | None]], id_type: pa.DataType
) -> None:
    vocabulary, expected = Vocabulary.empty(id_type), {}
    for batch in batches:
        values = [None if v is None else v if id_type == pa.int64() else str(v) for v in batch]
        vocabulary = vocabulary.extended(pa.array(values, id_type))
        for value in values:
            if value is not None:
                expected.setdefault(value, len(expected))
        assert vocabulary.ids.to_pylist() == list(expected)
        found = vocabulary.rows(pa.array([*values, None], id_type))
        assert found.tolist() == [expected.get(value, -1) for value in [*values, None]]


def test_unknown_ids_have_no_row() -> None:
    vocabulary = Vocabulary(pa.array(["a", "b"]))
    assert vocabulary.rows(pa.array(["b", "c", "", "a"])).tolist() == [1, -1, -1, 0]


def test_a_large_int64_is_not_rounded() -> None:
    vocabulary = Vocabulary(pa.array([2**53, 2**53 + 1]))
    assert vocabulary.rows(pa.array([2**53 + 1, 2**53, None])).tolist() == [1, 0, -1]


@pytest.mark.parametrize("ids", [[1, 1], [1, None]])
def test_null_and_repeated_ids_are_rejected(ids: list[int | None]) -> None:
    with pytest.raises(AuditError):
        Vocabulary(pa.array(ids, pa.int64()))


def test_ids_of_another_type_are_rejected() -> None:
    with pytest.raises(TypeError, match="string"):
        Vocabulary(pa.array([1])).rows(pa.array(["1"]))


@settings(deadline=None, max_examples=100)
@given(base=st.sets(st.integers(-3, 20)), batches=IDS, looked_up=IDS, text=st.booleans())
def test_ids_added_in_one_pass_get_the_rows_of_ids_added_beforehand(
    base: set[int], batches: list[list[int | None]], looked_up: list[list[int | None]], text: bool
) -> None:
    def ids(values: Iterable[int | None]) -> pa.Array:
        return pa.array(values, pa.int64()).cast(pa.string() if text else pa.int64())

    before = Vocabulary(ids(base))
    after, builder = before, VocabularyBuilder(before)
    for batch in batches:
        after = after.extended(ids(batch))
    for batch, others in zip_longest(batches, looked_up, fillvalue=[]):
        found = builder.look_up(ids(others)), builder.add(ids(batch))
        # Rows are final only for ids added so far: those of later batches have none yet.
        for values, rows in zip((others, batch), found, strict=True):
            for value, row in zip(values, builder.final_rows(rows), strict=True):
                assert row in (-1, after.rows(ids([value]))[0])
        assert -1 not in builder.final_rows(found[1])[[value is not None for value in batch]]
    whole = [value for batch in [*batches, *looked_up] for value in batch]
    assert (
        builder.final_rows(builder.look_up(ids(whole))).tolist() == after.rows(ids(whole)).tolist()
    )
    assert before.extended(builder.new_ids).ids.equals(after.ids)
    assert len(builder) >= len(after)
