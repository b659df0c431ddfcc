import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranker.rows.read_ahead import read_ahead


@settings(deadline=None, max_examples=30, derandomize=True)
@given(parts=st.integers(0, 12), depth=st.integers(1, 4))
def test_the_same_parts_come_in_the_same_order(parts: int, depth: int) -> None:
    assert list(read_ahead(iter(range(parts)), depth)) == list(range(parts))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_more_than_depth_parts_are_prepared_ahead(depth: int) -> None:
    started: list[int] = []

    def parts() -> Iterator[int]:
        for number in range(10):
            started.append(number)
            yield number

    for used, _ in enumerate(read_ahead(parts(), depth), start=1):
        assert len(started) <= used + depth


def test_parts_are_prepared_on_another_thread() -> None:
    threads = list(read_ahead(threading.current_thread().name for _ in range(3)))
    assert threading.current_thread().name not in threads


def test_an_error_comes_after_the_parts_before_it() -> None:
    def parts() -> Iterator[int]:
        yield 1
        raise ValueError("the second part is bad")

    reader = read_ahead(parts())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="the second part is bad"):
        next(reader)


def test_stopping_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    reader = read_ahead(iter(range(100)))
    assert next(reader) == 0
    reader.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
