"""Items with content, for the tests of encoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from jobs.lake.schemas import CONTENT
from jobs.scenarios import Scenario

MakeItems = Callable[..., pa.Table]
MakeScenario = Callable[..., Scenario]


@pytest.fixture
def make_items() -> MakeItems:
    """Make a table of items numbered from 1; keywords are columns of content, the others null."""

    def make(**columns: list[Any]) -> pa.Table:
        number = len(next(iter(columns.values())))
        types = dict(CONTENT)
        arrays = {
            name: pa.array(columns.get(name, [None] * number), kind) for name, kind in types.items()
        }
        return pa.table({"item_id": pa.array(range(1, number + 1), pa.int64()), **arrays})

    return make
