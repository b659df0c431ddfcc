from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import AuditError
from jobs.ranker.rows.aligned_batches import aligned_batches

CUTS = st.lists(st.integers(0, 20), max_size=6)


def cut(name: str, ids: list[int], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """Rows cut into batches; stored tables have no empty ones."""
    ends = [0, *sorted({min(one, len(ids)) for one in cuts}), len(ids)]
    for start, end in pairwise(ends):
        if start < end:
            part = ids[start:end]
            yield pa.record_batch({"impression_id": part, name: [10 * one for one in part]})


@settings(deadline=None, max_examples=100, derandomize=True)
@given(ids=st.lists(st.integers(0, 99), max_size=20, unique=True), cuts=st.tuples(CUTS, CUTS, CUTS))
def test_every_batch_has_the_same_rows_of_each_table(
    ids: list[int], cuts: tuple[list[int], ...]
) -> None:
    names = ("a", "b", "c")
    tables = {name: cut(name, ids, at) for name, at in zip(names, cuts, strict=True)}
    found: list[int] = []
    for batches in aligned_batches(tables):
        assert list(batches) == ["a", "b", "c"]
        rows = batches["a"]["impression_id"].to_pylist()
        assert rows
        for name, batch in batches.items():
            assert batch["impression_id"].to_pylist() == rows
            assert batch[name].to_pylist() == [10 * one for one in rows]
        found += rows
    assert found == ids


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ([1, 3, 2, 4], "statistics has its rows in another order than impressions"),
        ([1, 2, 3], "impressions and statistics differ in length"),
        ([1, 2, 3, 4, 5], "statistics and impressions differ in length"),
        ([], "impressions and statistics differ in length"),
    ],
)
@pytest.mark.parametrize("cuts", [[], [1, 3]])
def test_other_rows_are_rejected(other: list[int], message: str, cuts: list[int]) -> None:
    tables = {
        "impressions": cut("x", [1, 2, 3, 4], cuts),
        "statistics": cut("y", other, [2]),
    }
    with pytest.raises(AuditError, match=f"{message}: ingest the day again"):
        list(aligned_batches(tables))
