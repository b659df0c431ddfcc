import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranker.rows.read_ahead import ahead


@settings(deadline=None, max_examples=30, derandomize=True)
@given(parts=st.integers(0, 12), depth=st.integers(1, 4))
def test_gives_the_same_parts_in_the_same_order(parts: int, depth: int) -> None:
    assert list(ahead(iter(range(parts)), depth)) == list(range(parts))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_is_never_more_than_its_depth_ahead(depth: int) -> None:
    begun: list[int] = []

    def parts() -> Iterator[int]:
        for number in range(10):
            begun.append(number)
            yield number

    for taken, _ in enumerate(ahead(parts(), depth), start=1):
        assert len(begun) <= taken + depth


def test_parts_are_made_on_another_thread() -> None:
    made_by = list(ahead(threading.current_thread().name for _ in range(3)))
    assert threading.current_thread().name not in made_by


def test_an_error_comes_after_the_parts_before_it() -> None:
    def parts() -> Iterator[int]:
        yield 1
        raise ValueError("the second part is bad")

    taken = ahead(parts())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="the second part is bad"):
        next(taken)


def test_stopping_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    taken = ahead(iter(range(100)))
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
