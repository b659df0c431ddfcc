"""Utilisation heads, against loops over the rows of a real day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from jobs.ais.heads import CODES, HEADS, LEVELS, TIERS
from jobs.lake import Lake
from jobs.preference.residual_codes import ResidualCodebook
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature
from jobs.scenarios import Fold, Scenario

T = date(2026, 1, 4)
DIM = 4
ITEMS = np.arange(100, 130, 2)
"""Every second item has a vector."""


@dataclass(frozen=True)
class Day:
    """A day with its ranker, and a table of vectors."""

    ranker: Ranker
    rows: DayRows
    table: FeatureTable

    def feature(self, head: str) -> RowFeature:
        """The columns of a head that is made from the same table."""
        made = HEADS[head](self.table)
        return made(self.ranker, self.rows, self.table, logits(self.ranker, self.rows))

    def vectors(self) -> dict[int, np.ndarray]:
        assert self.table.vectors is not None
        return dict(zip(self.table.keys.to_pylist(), self.table.vectors, strict=True))

    def candidates(self) -> list[int]:
        items: list[int] = self.rows.items.to_pylist()
        return items

    def clicks(self, row: int) -> list[int]:
        """Clicked items of a row that have a vector."""
        items = np.array(self.rows.clicks.items.to_pylist())[self.rows.clicks.row == row]
        return [item for item in items.tolist() if item in self.vectors()]


@pytest.fixture
def day(trained: Lake, make_scenario: Callable[..., Scenario]) -> Day:
    scenario = make_scenario()
    ranker = read_checkpoint(trained, scenario, T)
    rows = read_day_rows(ranker, trained, scenario, T, tuple(Fold))
    # Few distinct vectors, so that items share codes.
    drawn = np.random.default_rng(0).normal(size=(6, DIM)).astype(np.float32)
    vectors = drawn[np.arange(len(ITEMS)) % 6] * (1 + np.arange(len(ITEMS))[:, None] % 2)
    table = FeatureTable("item", pa.array(ITEMS), vectors, None, in_slot=False)
    found = Day(ranker, rows, table)
    assert any(not found.clicks(row) for row in range(len(rows)))
    assert any(len(found.clicks(row)) > 1 for row in range(len(rows)))
    return found


def test_raw_vectors_are_what_towers_read(day: Day) -> None:
    found = day.feature("raw")
    expected = row_feature(day.ranker, day.rows, day.table, logits(day.ranker, day.rows))
    assert np.array_equal(found.columns, expected.columns)
    assert found.compact == expected.compact


def test_similarity_is_the_cosine_with_each_click(day: Day) -> None:
    found, vectors = day.feature("similarity"), day.vectors()
    assert found.compact == found.columns.shape[1] == TIERS + 3
    for row, candidate in enumerate(day.candidates()):
        vector = vectors.get(candidate)
        expected = np.zeros(TIERS + 3)
        expected[0] = vector is not None
        clicks = day.clicks(row) if vector is not None else []
        if vector is not None and clicks:
            cosines = [
                vector @ vectors[click] / np.linalg.norm(vector) / np.linalg.norm(vectors[click])
                for click in clicks
            ]
            expected[1:3] = np.max(cosines), np.mean(cosines)
            edges = np.linspace(-1, 1, TIERS + 1)
            expected[3:] = np.histogram(np.clip(cosines, -1, 1), edges)[0]
        np.testing.assert_allclose(found.columns[row], expected, atol=1e-5)
        assert found.covered[row] == expected[0]


def test_codes_are_those_of_residual_k_means(day: Day) -> None:
    found = day.feature("codes")
    assert day.table.vectors is not None
    codebook = ResidualCodebook.fit(day.table.vectors, LEVELS, CODES)
    fitted = codebook.codes(day.table.vectors)[0]
    codes = dict(zip(ITEMS.tolist(), fitted.tolist(), strict=True))
    assert found.compact == 1 + LEVELS
    assert found.columns.shape == (len(day.rows), 1 + LEVELS + LEVELS * CODES)
    for row, candidate in enumerate(day.candidates()):
        expected = np.zeros(1 + LEVELS + LEVELS * CODES)
        if candidate in codes:
            expected[0] = 1
            for level, code in enumerate(codes[candidate]):
                down_to = slice(0, level + 1)
                same = [codes[c][down_to] == codes[candidate][down_to] for c in day.clicks(row)]
                expected[1 + level] = np.mean(same) if same else 0
                expected[1 + LEVELS + level * CODES + code] = 1
        np.testing.assert_allclose(found.columns[row], expected, atol=1e-6)
    assert 0 < found.columns[:, 1].mean() < 1


@pytest.mark.parametrize("head", sorted(HEADS))
def test_columns_mean_the_same_whatever_items_a_day_has(day: Day, head: str) -> None:
    made = HEADS[head](day.table)
    row_logits = logits(day.ranker, day.rows)
    whole = made(day.ranker, day.rows, day.table, row_logits).columns
    present = set(day.candidates()) | set(day.rows.clicks.items.to_pylist())
    of_day = np.array([item in present for item in ITEMS])
    assert 0 < of_day.sum() < len(ITEMS)
    assert day.table.vectors is not None
    vectors = day.table.vectors[of_day][::-1]
    part = FeatureTable("item", pa.array(ITEMS[of_day][::-1]), vectors, None, in_slot=False)
    found = made(day.ranker, day.rows, part, row_logits).columns
    np.testing.assert_allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize("head", sorted(HEADS))
def test_a_head_reads_no_label_and_gives_the_same_bytes_again(day: Day, head: str) -> None:
    found = day.feature(head)
    position = day.rows.rows.column_names.index("label")
    labels = 1 - day.rows.labels
    flipped = day.rows.rows.set_column(position, "label", pa.array(labels))
    changed = replace(day, rows=replace(day.rows, labels=labels, rows=flipped))
    assert changed.feature(head).columns.tobytes() == found.columns.tobytes()


@pytest.mark.parametrize("head", sorted(HEADS))
def test_a_table_without_vectors_covers_nothing(day: Day, head: str) -> None:
    empty = FeatureTable(
        "item", pa.array([], pa.int64()), np.empty((0, DIM), np.float32), None, in_slot=False
    )
    found = replace(day, table=empty).feature(head)
    assert len(found.columns) == len(day.rows)
    assert not found.covered.any()
    assert not found.columns.any()
