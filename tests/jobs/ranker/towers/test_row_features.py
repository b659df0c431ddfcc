"""Features of rows from a table, against a reference that loops over rows and dictionaries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from jobs.lake import Lake, schemas
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.scoring.score_day import SlotTable, score_rows
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature
from jobs.scenarios import Scenario

AS_OF = date(2026, 1, 3)
FOLDS = ("eval", "fit", "lineage")
NEVER_SHOWN = 9_999
Rows = list[dict[str, Any]]
Vector = list[float]
Key = Literal["item", "impression", "user_id", "place"]


@dataclass(frozen=True)
class Day:
    """A day of the log with its ranker, and plain loops over both as a reference."""

    lake: Lake
    scenario: Scenario
    ranker: Ranker
    rows: DayRows
    log: Rows

    @property
    def impressions(self) -> Rows:
        return [row for row in self.log if row["ts"].date() == AS_OF]

    def clicks(self, row: dict[str, Any]) -> list[int]:
        """Items of the last clicks in the history that the ranker is given."""
        found = [
            other["item_id"]
            for other in self.log
            if other["label"]
            and other["fold"] == "lineage"
            and other["user_id"] == row["user_id"]
            and other["ts"] < row["ts"]
        ]
        return found[-self.scenario.ranker.history_length :]

    def ranker_vectors(self) -> dict[int, Vector]:
        """Item vectors of the ranker."""
        ids = self.ranker.vocabularies["item_id"].ids.to_pylist()
        return dict(zip(ids, self.ranker.table.block("item_id").embedding.tolist(), strict=True))

    def logits(
        self, swapped: Mapping[Any, Vector] | None = None, slot: str = "item_id"
    ) -> NDArray[np.float64]:
        """Logits of the rows, with other vectors of a slot in candidates and histories."""
        leaked = {}
        if swapped:
            vectors = np.array(list(swapped.values()), np.float32)
            leaked = {"leak": SlotTable(pa.array(list(swapped)), vectors)}
        chunks = read_day(self.lake, self.scenario, AS_OF, FOLDS)
        scores = score_rows(self.ranker, self.scenario, chunks, leaked, slot).scores
        probability = scores["leak" if swapped else "baseline"]
        return np.log(probability) - np.log1p(-probability)


@pytest.fixture(params=[0, 1, 2])
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def make_day(
    lake: Lake,
    seed: int,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    with_options: Callable[..., Scenario],
) -> Callable[..., Day]:
    def make(rows: int = 40, **options: Any) -> Day:
        scenario, log = with_options(**options), make_log(days=3, rows=rows, users=12, seed=seed)
        publish_log(lake, scenario, log)
        extend_lineage(lake, scenario, AS_OF - timedelta(days=1), progress=False)
        ranker = read_checkpoint(lake, scenario, AS_OF)
        return Day(lake, scenario, ranker, read_day_rows(ranker, lake, scenario, AS_OF, FOLDS), log)

    return make


def some_keys(day: Day, key: str, seed: int) -> list[int]:
    """Half of the ids in the log and one that is not in it, in random order."""
    generator = np.random.default_rng([seed, 1])
    ids = sorted({row[key] for row in day.log})
    chosen = generator.permutation(ids)[: len(ids) // 2].tolist()
    return [*chosen, NEVER_SHOWN]


def random_vectors(keys: Sequence[Any], dim: int, seed: int) -> dict[Any, Vector]:
    drawn = np.random.default_rng([seed, 2]).normal(size=(len(keys), dim)).astype(np.float32)
    return dict(zip(keys, drawn.tolist(), strict=True))


def random_lists(day: Day, keys: Sequence[int], seed: int) -> dict[int, list[int]]:
    """Up to seven items per key: ranker_vectors ones, unknown ones, and often the key itself."""
    generator = np.random.default_rng([seed, 3])
    items = sorted({row["item_id"] for row in day.log} | {NEVER_SHOWN, NEVER_SHOWN + 1})
    lists = {
        key: generator.choice(items, generator.integers(0, 8), replace=False).tolist()
        for key in keys
    }
    for key in keys[::2]:
        lists[key] = sorted({*lists[key], key})
    return lists


def table_of(
    day: Day,
    values: Mapping[int, Any],
    keyed_by: Key,
    takes: Literal["vector", "items"],
    swaps: bool,
) -> FeatureTable:
    """The table as read from a lake, in two chunks as if it had two files."""
    schema = schemas.features(day.scenario, keyed_by, takes)
    value = "embedding" if takes == "vector" else "items"
    rows = [{schemas.key_column(keyed_by): key, value: one} for key, one in values.items()]
    cut = len(rows) // 2
    stored = [pa.Table.from_pylist(part, schema) for part in (rows[:cut], rows[cut:])]
    return FeatureTable.from_arrow(pa.concat_tables(stored), keyed_by, swaps)


def feature_of(day: Day, table: FeatureTable) -> RowFeature:
    return row_feature(day.ranker, day.rows, table, logits(day.ranker, day.rows))


def mean(vectors: Sequence[Vector], dim: int) -> Vector:
    return [sum(v[i] for v in vectors) / len(vectors) if vectors else 0.0 for i in range(dim)]


def norm(vector: Vector) -> float:
    return math.sqrt(sum(value**2 for value in vector))


def cosine(one: Vector, other: Vector) -> float:
    lengths = norm(one) * norm(other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def product(one: Vector, other: Vector) -> Vector:
    return [a * b for a, b in zip(one, other, strict=True)]


def check(found: NDArray[np.float32], expected: Sequence[Vector]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("dim", "swaps"), [(4, True), (4, False), (6, False)])
def test_vectors_of_items(make_day: Callable[..., Day], seed: int, dim: int, swaps: bool) -> None:
    day = make_day(embedding_dim=4)
    values = random_vectors(some_keys(day, "item_id", seed), dim, seed)
    change = day.logits({**day.ranker_vectors(), **values}) - day.logits() if swaps else None
    expected = []
    for number, row in enumerate(day.impressions):
        candidate = values.get(row["item_id"], [0.0] * dim)
        history = mean([values[item] for item in day.clicks(row) if item in values], dim)
        columns = [float(row["item_id"] in values), norm(candidate), cosine(candidate, history)]
        columns += [] if change is None else [float(change[number])]
        columns += candidate if dim <= 4 else []
        expected.append([*columns, *candidate, *product(candidate, history)])
    feature = feature_of(day, table_of(day, values, "item", "vector", swaps))
    check(feature.columns, expected)
    assert feature.compact == 3 + swaps + (dim if dim <= 4 else 0)
    assert feature.covered.tolist() == [row["item_id"] in values for row in day.impressions]
    assert 0 < feature.covered.sum() < len(feature.covered)
    assert change is None or np.abs(change).max() > 1e-3


def test_vectors_of_impressions(make_day: Callable[..., Day], seed: int) -> None:
    day = make_day()
    values = random_vectors(some_keys(day, "impression_id", seed), 5, seed)
    expected = [
        [float(row["impression_id"] in values), norm(vector), *vector]
        for row in day.impressions
        for vector in [values.get(row["impression_id"], [0.0] * 5)]
    ]
    feature = feature_of(day, table_of(day, values, "impression", "vector", False))
    check(feature.columns, expected)
    assert feature.compact == 2
    assert feature.covered.tolist() == [row["impression_id"] in values for row in day.impressions]


@pytest.mark.parametrize("slot", ["user_id", "place"])
def test_vectors_of_a_slot_that_is_not_the_item(
    make_day: Callable[..., Day], seed: int, slot: Key
) -> None:
    day = make_day(embedding_dim=4, dense_rate=0.01)
    ids = sorted({row[slot] for row in day.log})
    values = random_vectors(ids[::2], 4, seed)
    change = day.logits(values, slot) - day.logits()
    expected = []
    for number, row in enumerate(day.impressions):
        vector = values.get(row[slot], [0.0] * 4)
        expected.append([float(row[slot] in values), norm(vector), float(change[number]), *vector])
    feature = feature_of(day, table_of(day, values, slot, "vector", True))
    check(feature.columns, expected)
    assert feature.compact == 3
    assert np.ptp(change) > 1e-3
    assert feature.covered.tolist() == [row[slot] in values for row in day.impressions]


@pytest.mark.parametrize("keyed_by", ["item", "impression"])
def test_lists_of_items(make_day: Callable[..., Day], seed: int, keyed_by: Key) -> None:
    day = make_day()
    key, ranker_vectors, nothing = f"{keyed_by}_id", day.ranker_vectors(), [0.0] * 4
    values = random_lists(day, some_keys(day, key, seed), seed)
    base, expected, matches = day.logits(), [], 0
    for number, row in enumerate(day.impressions):
        listed, clicks = values.get(row[key], []), day.clicks(row)
        pooled = mean([ranker_vectors[item] for item in listed if item in ranker_vectors], 4)
        candidate = ranker_vectors.get(row["item_id"], nothing)
        history = mean([ranker_vectors.get(item, nothing) for item in clicks], 4)
        shared = sum(item in clicks for item in listed) / max(len(listed), 1)
        matches += row["item_id"] in listed
        columns = [float(bool(listed)), float(row["item_id"] in listed), shared]
        columns += [cosine(pooled, candidate), cosine(pooled, history)]
        if keyed_by == "item":
            columns.append(_change_of_logit(day, number, row, pooled, base) if listed else 0.0)
        expected.append([*columns, *pooled, *product(pooled, candidate)])
    feature = feature_of(day, table_of(day, values, keyed_by, "items", False))
    check(feature.columns, expected)
    assert feature.compact == 5 + (keyed_by == "item")
    assert feature.covered.tolist() == [bool(values.get(row[key])) for row in day.impressions]
    assert matches
    assert np.ptp(feature.columns[:, 2]) > 0


def _change_of_logit(
    day: Day, number: int, row: dict[str, Any], pooled: Vector, base: NDArray[np.float64]
) -> float:
    """Change of the logit when the candidate alone, under another id, gets another vector."""
    stand_in, ranker = -1, day.ranker
    chunk = next(read_day(day.lake, day.scenario, AS_OF, FOLDS))
    column = chunk.impressions.schema.get_field_index("item_id")
    ids = chunk.impressions["item_id"].to_pylist()
    ids[number] = stand_in
    columns = list(chunk.impressions.columns)
    columns[column] = pa.array(ids, columns[column].type)
    ids = pa.RecordBatch.from_arrays(columns, schema=chunk.impressions.schema)
    items = SlotTable(pa.array([stand_in]), np.array([pooled], np.float32))
    renamed = replace(chunk, impressions=ids)
    scores = score_rows(ranker, day.scenario, [renamed], {"leak": items})
    probability = scores.scores["leak"][number]
    return float(np.log(probability) - np.log1p(-probability) - base[number])


def test_the_vectors_of_the_ranker_change_no_logit(make_day: Callable[..., Day]) -> None:
    day = make_day(embedding_dim=4)
    table = table_of(day, day.ranker_vectors(), "item", "vector", True)
    change = feature_of(day, table).columns[:, 3]
    assert not change.any()


def test_rankers_without_history(make_day: Callable[..., Day], seed: int) -> None:
    day = make_day(history_length=0)
    values = random_vectors(some_keys(day, "item_id", seed), 4, seed)
    feature = feature_of(day, table_of(day, values, "item", "vector", True))
    change = day.logits({**day.ranker_vectors(), **values}) - day.logits()
    check(feature.columns[:, 2:4], np.stack([np.zeros_like(change), change], axis=1).tolist())


def test_features_do_not_depend_on_the_batch_size(
    make_day: Callable[..., Day], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = make_day(embedding_dim=4)
    values = random_vectors(some_keys(day, "item_id", seed), 4, seed)
    table = table_of(day, values, "item", "vector", True)
    at_once = feature_of(day, table).columns
    monkeypatch.setattr("jobs.ranker.scoring.frozen_forward._ROWS_AT_ONCE", 7)
    check(feature_of(day, table).columns, at_once.tolist())


@pytest.mark.parametrize("keyed_by", ["item", "impression"])
@pytest.mark.parametrize("takes", ["vector", "items"])
def test_an_empty_table_covers_no_row(
    make_day: Callable[..., Day], keyed_by: Key, takes: Literal["vector", "items"]
) -> None:
    day = make_day()
    feature = feature_of(
        day, table_of(day, {}, keyed_by, takes, (keyed_by, takes) == ("item", "vector"))
    )
    assert len(feature.columns) == len(day.rows)
    assert not feature.columns.any()
    assert not feature.covered.any()


@pytest.mark.parametrize("keyed_by", ["item", "impression"])
def test_empty_lists_cover_no_row(make_day: Callable[..., Day], seed: int, keyed_by: Key) -> None:
    day = make_day()
    values: dict[int, list[int]] = {key: [] for key in some_keys(day, f"{keyed_by}_id", seed)}
    feature = feature_of(day, table_of(day, values, keyed_by, "items", False))
    assert not feature.columns.any()
    assert not feature.covered.any()


@pytest.mark.parametrize("keyed_by", ["item", "impression"])
@pytest.mark.parametrize("takes", ["vector", "items"])
def test_a_day_without_rows_has_the_columns_of_any_day(
    make_day: Callable[..., Day], seed: int, keyed_by: Key, takes: Literal["vector", "items"]
) -> None:
    day = make_day()
    keys = some_keys(day, f"{keyed_by}_id", seed)
    values: dict[int, Any] = random_lists(day, keys, seed)
    if takes == "vector":
        values = {**random_vectors(keys, 4, seed)}
    table = table_of(day, values, keyed_by, takes, (keyed_by, takes) == ("item", "vector"))
    none = read_day_rows(day.ranker, day.lake, day.scenario, AS_OF, ())
    feature = row_feature(day.ranker, none, table, logits(day.ranker, none))
    full = feature_of(day, table)
    assert feature.columns.shape == (0, full.columns.shape[1])
    assert (feature.compact, len(feature.covered)) == (full.compact, 0)


@pytest.mark.parametrize("takes", ["vector", "items"])
def test_permuted_keys_get_the_values_of_other_keys(
    make_day: Callable[..., Day], seed: int, takes: Literal["vector", "items"]
) -> None:
    day = make_day()
    keys = some_keys(day, "item_id", seed)
    values: dict[int, Any] = random_lists(day, keys, seed)
    if takes == "vector":
        values = {**random_vectors(keys, 4, seed)}
    order = np.roll(np.arange(len(keys)), 2)
    order[1] = -1
    change = {
        key: values[keys[other]] for key, other in zip(keys, order, strict=True) if other >= 0
    }
    permuted = table_of(day, values, "item", takes, True).permuted(order)
    expected = feature_of(day, table_of(day, change, "item", takes, True))
    found = feature_of(day, permuted)
    assert np.array_equal(found.columns, expected.columns)
    assert np.array_equal(found.covered, expected.covered)
