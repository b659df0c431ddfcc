from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranker.encode import EncodedRows, windows


def rows_of(values: range) -> EncodedRows:
    column = np.array(values, np.int64)
    return EncodedRows(column[:, None], column[:, None], column.astype(np.float32), column)


@settings(deadline=None, max_examples=60)
@given(parts=st.lists(st.integers(0, 9)), rows=st.integers(1, 7))
def test_windows_do_not_depend_on_how_the_parts_were_cut(parts: list[int], rows: int) -> None:
    ends = np.cumsum([0, *parts])
    cut = [rows_of(range(a, b)) for a, b in pairwise(ends)]
    found = [window.ts.tolist() for window in windows(cut, rows)]
    total = range(int(ends[-1]))
    assert found == [list(total[start : start + rows]) for start in range(0, len(total), rows)]
