"""The centroids of codes add up to the vector, and depend on the snapshot alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from jobs.lake import Lake
from jobs.lake.addresses import snapshot_partition
from jobs.preference.build_tables import assemble_tables
from jobs.preference.kinds.semantic_ids import SemanticIds
from jobs.scenarios import Scenario
from jobs.snapshots.export import build_snapshots

AS_OF = date(2026, 1, 3)
MakeScenario = Callable[..., Scenario]


def squared_error(vectors: np.ndarray, approximation: np.ndarray) -> float:
    return float(((vectors - approximation) ** 2).sum())


def test_each_level_reduces_the_error() -> None:
    vectors = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    errors = [
        squared_error(vectors, SemanticIds(levels=levels, codes=8).residual_codes(vectors)[1])
        for levels in (1, 2, 3)
    ]
    assert squared_error(vectors, np.zeros_like(vectors)) > errors[0] > errors[1] > errors[2]


def test_items_of_the_same_codes_have_the_same_vector() -> None:
    vectors = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    codes, sums = SemanticIds(levels=2, codes=4).residual_codes(vectors)
    assert codes.shape == (300, 2)
    assert codes.min() >= 0
    assert codes.max() <= 3
    of_codes: dict[tuple[int, ...], np.ndarray] = {}
    for names, vector in zip(map(tuple, codes.tolist()), sums, strict=True):
        np.testing.assert_allclose(of_codes.setdefault(names, vector), vector, atol=1e-6)
    # The centroids of two levels add up: two times four of them give every vector.
    shifts = [of_codes[0, last] - of_codes[1, last] for last in range(4)]
    for shift in shifts[1:]:
        np.testing.assert_allclose(shift, shifts[0], atol=1e-6)


@pytest.mark.parametrize("items", [1, 2, 5])
def test_each_of_few_items_is_a_centroid(items: int) -> None:
    vectors = np.random.default_rng(2).normal(size=(items, 4)).astype(np.float32)
    codes, sums = SemanticIds().residual_codes(vectors)
    np.testing.assert_allclose(sums, vectors, atol=1e-6)
    assert len(set(codes[:, 0].tolist())) == items


def test_centroids_of_a_sample_fit_all_items() -> None:
    generator = np.random.default_rng(3)
    centres = generator.normal(size=(4, 3)).astype(np.float32) * 10
    vectors = centres[generator.integers(0, 4, 1000)]
    _, sums = SemanticIds(levels=1, codes=4, fit_items=100).residual_codes(vectors)
    np.testing.assert_allclose(sums, vectors, atol=1e-5)


def test_tables_hold_the_codes_of_the_snapshot(
    trained: Lake,
    make_scenario: MakeScenario,
    published_bytes: Callable[..., dict[str, bytes]],
    tmp_path: Path,
) -> None:
    scenario, kind = make_scenario(), SemanticIds(levels=2, codes=3)
    build_snapshots(trained, scenario, date(2026, 1, 5))
    made = assemble_tables(trained, scenario, kind, [AS_OF, AS_OF - timedelta(days=1)], [2])
    together = published_bytes(trained, "features")
    rows = [row for p in made if p.ds == AS_OF for row in trained.read(p).to_pylist()]
    for partition in made:
        known_at = partition.ds + timedelta(days=int(dict(partition.keys)["horizon"]))
        snapshot = trained.read(snapshot_partition(scenario, known_at))
        vectors = np.array(snapshot["embedding"].to_pylist(), np.float32)
        codes, sums = kind.residual_codes(vectors)
        place = {item: at for at, item in enumerate(snapshot["item_id"].to_pylist())}
        table = trained.read(partition)
        at = [place[item] for item in table["item_id"].to_pylist()]
        assert table["codes"].to_pylist() == codes[at].tolist()
        np.testing.assert_array_equal(np.array(table["embedding"].to_pylist()), sums[at])
        assert table["updates"].to_pylist() == [snapshot["updates"][i].as_py() for i in at]
        assert table["last_event"].to_pylist() == [snapshot["last_update"][i].as_py() for i in at]
    assert rows
    (tmp_path / "lake" / "features").rename(tmp_path / "moved away")
    assemble_tables(trained, scenario, kind, [AS_OF], [2])
    alone = published_bytes(trained, "features")
    assert alone
    assert alone.items() <= together.items()
