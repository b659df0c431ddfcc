"""One pass over a day gives the same rows as two: first adding all ids, then looking them up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.ranker.model.embedding_table import UNKNOWN_ROW
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows import read_day as read_day_module
from jobs.ranker.rows import spooled_day as spooled_day_module
from jobs.ranker.rows.encode import EncodedRows, encode
from jobs.ranker.rows.read_day import Chunk, Clicks, read_day
from jobs.ranker.rows.spooled_day import spooled_day
from jobs.scenarios import Scenario

DAY = date(2026, 1, 1)
PARTS = ("fields", "history", "statistics", "labels", "ts")


@pytest.fixture
def chunks(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., Any],
    publish_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Chunk]:
    """The training rows of a day, a few at a time."""
    publish_log(lake, scenario, make_log(days=1, rows=200, users=40, items=60))
    monkeypatch.setattr(read_day_module, "CHUNK_ROWS", 17)
    return list(read_day(lake, scenario, DAY, {"lineage"}))


def empty_ranker(scenario: Scenario) -> Ranker:
    return new_ranker(scenario, torch.device("cpu"))


def two_passes(scenario: Scenario, chunks: list[Chunk]) -> tuple[Ranker, EncodedRows]:
    ranker = empty_ranker(scenario)
    for chunk in chunks:
        ranker.add_ids({field: chunk.impressions[field] for field in ranker.fields})
    parts = [encode(ranker, chunk) for chunk in chunks]
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PARTS}
    return ranker, EncodedRows(**whole)


@pytest.mark.parametrize("chunks_before", [0, 3])
@pytest.mark.parametrize("window", [1, 16, 33, 1000])
def test_one_pass_gives_the_rows_of_two_passes(
    scenario: Scenario, chunks: list[Chunk], window: int, chunks_before: int
) -> None:
    expected_ranker, expected = two_passes(scenario, chunks)
    ranker = empty_ranker(scenario)
    for chunk in chunks[:chunks_before]:
        ranker.add_ids({field: chunk.impressions[field] for field in ranker.fields})
    with spooled_day(ranker, chunks) as rows:
        assert len(rows) == len(expected)
        found = list(rows.windows(window))
    assert [len(part) for part in found[:-1]] == [window] * (len(found) - 1)
    for name in PARTS:
        parts = [getattr(part, name) for part in found]
        assert {part.dtype for part in parts} == {getattr(expected, name).dtype}
        np.testing.assert_array_equal(np.concatenate(parts), getattr(expected, name))
    for field, vocabulary in expected_ranker.vocabularies.items():
        assert ranker.vocabularies[field].ids.equals(vocabulary.ids)
    assert ranker.table.sizes == expected_ranker.table.sizes


def test_a_click_gets_the_row_that_its_item_is_given_later(
    scenario: Scenario, chunks: list[Chunk]
) -> None:
    """Clicks may precede the first row of their item, or their item may have no row at all."""
    later = pa.array([chunks[-1].impressions["item_id"][-1].as_py(), 999])
    clicks = Clicks(later, row=np.zeros(2, np.int64), position=np.arange(2))
    changed = [Chunk(chunks[0].impressions, clicks, chunks[0].statistics), *chunks[1:]]
    _, expected = two_passes(scenario, changed)
    with spooled_day(empty_ranker(scenario), changed) as rows:
        (found,) = rows.windows(1000)
    assert (found.history[0] > UNKNOWN_ROW).tolist() == [True, False, False]
    assert found.history[0].tolist() == expected.history[0].tolist()


def test_a_day_without_rows_adds_no_ids(scenario: Scenario) -> None:
    ranker = empty_ranker(scenario)
    with spooled_day(ranker, []) as rows:
        assert len(rows) == 0
        assert list(rows.windows(5)) == []
    assert sum(ranker.table.sizes.values()) == 0


def test_too_many_ids_are_rejected(
    scenario: Scenario, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_day_module, "_MAX_IDS", 30)
    with (
        pytest.raises(InputError, match=r"user_id has .* ids: at most 30"),
        spooled_day(empty_ranker(scenario), chunks),
    ):
        pass
