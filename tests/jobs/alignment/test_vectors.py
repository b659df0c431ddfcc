"""Vectors of all items: only what changed is computed, and a kill changes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.alignment import vectors as module
from jobs.alignment.aligned_encoder import AlignedEncoder, read_encoder
from jobs.alignment.encoders.kinds import small
from jobs.alignment.inference import item_content
from jobs.alignment.inference.unaligned import own_vectors, reduced
from jobs.alignment.training.align import align
from jobs.alignment.vectors import publish_vectors, read_vectors
from jobs.common.errors import InputError
from jobs.common.paths import PROJECT
from jobs.lake import Lake
from jobs.lake.addresses import VectorState, vector_partition
from jobs.lake.schemas import CONTENT
from jobs.scenarios import Scenario
from tests.jobs.alignment.preference_lake import (
    ALIGNED_AT,
    KIND,
    alignment_scenario,
    content,
    publish_curated,
    publish_items,
    stored_bytes,
)
from tests.jobs.lake.damage import flip

KILLED_AT_A_SHARD = """
import os, signal, sys
from datetime import date
from jobs.alignment.encoders.kinds import small
from jobs.alignment.inference import item_content
from jobs.alignment.vectors import publish_vectors
from jobs.lake import Lake
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario

left, write = int(sys.argv[3]), Storage.replace

def write_or_die(self, path, content, **options):
    global left
    left -= path.startswith("_unfinished") and path.endswith(".parquet")
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, path, content, **options)

Storage.replace = write_or_die
small.BUCKETS = 64
item_content.shards.__defaults__ = (16,)
scenario = Scenario.model_validate_json(sys.argv[2])
publish_vectors(
    Lake(sys.argv[1]), scenario, "id_embedding", date(2026, 1, 10), date(2026, 1, 11)
)
"""
FIRST, SECOND, THIRD = (date(2026, 1, day) for day in (10, 11, 12))


@pytest.fixture(scope="module")
def aligned_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lake with an encoder and the items of two days: 0 to 29, and 30 to 39."""
    with pytest.MonkeyPatch.context() as patch:
        # A table of a million weights takes most of the time.
        patch.setattr(small, "BUCKETS", 64)
        folder, scenario = tmp_path_factory.mktemp("aligned"), alignment_scenario()
        lake = Lake(str(folder / "lake"))
        publish_curated(lake, scenario)
        align(lake, scenario, KIND, ALIGNED_AT)
        for day, numbers in ((FIRST, range(30)), (SECOND, range(30, 40))):
            publish_items(lake, scenario, day, item_id=list(numbers), **content(numbers))
        small._buckets.cache_clear()
        yield folder / "lake"


@pytest.fixture
def lake(aligned_once: Path, tmp_path: Path) -> Lake:
    return copied(aligned_once, tmp_path / "lake")


def copied(folder: Path, target: Path) -> Lake:
    shutil.copytree(folder, target)
    return Lake(str(target))


@pytest.fixture
def scenario() -> Scenario:
    return alignment_scenario()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The items whose aligned vectors are computed, in order."""
    items: list[int] = []
    vectors = AlignedEncoder.vectors

    def recorded(encoder: AlignedEncoder, table: pa.Table) -> np.ndarray:
        items.extend(table["item_id"].to_pylist())
        return vectors(encoder, table)

    monkeypatch.setattr(AlignedEncoder, "vectors", recorded)
    return items


def stored(lake: Lake, scenario: Scenario, day: date, state: VectorState) -> dict[int, list[float]]:
    table = lake.read(vector_partition(scenario, KIND, ALIGNED_AT, state, day))
    assert table["item_id"].to_pylist() == sorted(table["item_id"].to_pylist())
    rows = zip(table["item_id"].to_pylist(), table["embedding"].to_pylist(), strict=True)
    return dict(rows)


def test_both_states_have_all_items(lake: Lake, scenario: Scenario) -> None:
    manifest = publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    aligned, unaligned = (stored(lake, scenario, SECOND, state) for state in VectorState)
    assert list(aligned) == list(unaligned) == list(range(40))
    # Aligned with embeddings of the ranker, they are of its space, as long as the targets are.
    assert {len(vector) for vector in aligned.values()} == {5}
    assert len({tuple(vector) for vector in aligned.values()}) == 40
    # The items' own vectors of 4 numbers, filled up to 8.
    np.testing.assert_allclose(
        [one[:4] for one in unaligned.values()], content(range(40))["vector"]
    )
    assert manifest.facts["encoder"].startswith("small-")
    assert (manifest.facts["preference"], manifest.facts["aligned_at"]) == (KIND, "2026-01-10")
    assert manifest.keys["state"] == "aligned"
    assert manifest.window is not None
    assert manifest.window.max_ts == "2026-01-11T00:00:00.000000+00:00"


def test_only_new_and_changed_items_are_computed(
    lake: Lake, scenario: Scenario, computed: list[int]
) -> None:
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, FIRST)
    assert sorted(computed) == list(range(30))
    computed.clear()
    # Item 3 is described anew on a later day, item 5 as before.
    again = {**content([3, 5]), "title": ["loud loud", content([5])["title"][0]]}
    publish_items(lake, scenario, THIRD, item_id=[3, 5], **again)
    manifest = publish_vectors(lake, scenario, KIND, ALIGNED_AT, THIRD)
    assert sorted(computed) == [3, *range(30, 40)]
    assert (manifest.facts["computed"], manifest.facts["reused"]) == (11, 29)
    first, third = (stored(lake, scenario, day, VectorState.ALIGNED) for day in (FIRST, THIRD))
    assert {item for item in first if first[item] != third[item]} == {3}


def test_a_current_day_is_left_as_it_is(
    lake: Lake, scenario: Scenario, computed: list[int]
) -> None:
    first = publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    before = stored_bytes(lake, "item_vectors")
    computed.clear()
    assert publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND) == first
    assert stored_bytes(lake, "item_vectors") == before
    assert computed == []


def test_vectors_of_another_encoder_are_not_reused(
    lake: Lake, scenario: Scenario, computed: list[int]
) -> None:
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, FIRST)
    publish_curated(lake, scenario, items=50)
    align(lake, scenario, KIND, ALIGNED_AT)
    computed.clear()
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    assert sorted(computed) == list(range(40))


@pytest.fixture
def unbroken(
    scenario: Scenario,
    computed: list[int],
    aligned_once: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Lake:
    """Vectors of a run that nothing has stopped, in shards of sixteen items."""
    monkeypatch.setattr(item_content.shards, "__defaults__", (16,))
    lake = copied(aligned_once, tmp_path / "unbroken")
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    computed.clear()
    return lake


def test_what_was_interrupted_goes_on_after_the_last_shard(
    lake: Lake,
    scenario: Scenario,
    computed: list[int],
    unbroken: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [len(part) for part in parts(unbroken, scenario)] == [16, 16, 8]
    file, left = module._Job._file, 5

    def interrupted(*arguments: object) -> bytes:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return file(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(module._Job, "_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    # Three shards of the state before, and one of this.
    assert computed == list(range(16))
    computed.clear()
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    assert computed == list(range(16, 40))
    assert stored_bytes(lake, "item_vectors") == stored_bytes(unbroken, "item_vectors")
    assert not lake.storage.folders("_unfinished")


def test_a_damaged_shard_of_unfinished_work_is_computed_again(
    lake: Lake,
    scenario: Scenario,
    computed: list[int],
    unbroken: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(module._Job, "_published", None)
        with pytest.raises(TypeError):
            publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    computed.clear()
    damaged = sorted(Path(lake.storage.absolute("_unfinished")).rglob("*.parquet"))[1]
    flip(damaged, damaged.stat().st_size // 2)
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    assert stored_bytes(lake, "item_vectors") == stored_bytes(unbroken, "item_vectors")


@pytest.mark.fault
def test_a_killed_process_leaves_what_a_rerun_completes_to_the_same_bytes(
    lake: Lake, scenario: Scenario, computed: list[int], unbroken: Lake
) -> None:
    # The vectors before alignment have three shards, and so have the aligned ones.
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_SHARD, lake.uri, scenario.model_dump_json(), "6"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    aligned = vector_partition(scenario, KIND, ALIGNED_AT, VectorState.ALIGNED, SECOND)
    assert lake.manifest(aligned) is None
    computed.clear()
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    assert computed == list(range(32, 40))
    assert stored_bytes(lake, "item_vectors") == stored_bytes(unbroken, "item_vectors")
    assert not lake.storage.folders("_unfinished")


def parts(lake: Lake, scenario: Scenario) -> list[pa.Table]:
    partition = vector_partition(scenario, KIND, ALIGNED_AT, VectorState.ALIGNED, SECOND)
    return list(lake.read_files(partition))


def test_vectors_of_some_items_are_read(lake: Lake, scenario: Scenario) -> None:
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, SECOND)
    expected = stored(lake, scenario, SECOND, VectorState.ALIGNED)
    wanted = pa.chunked_array([pa.array([33, 4]), pa.array([4, 999])])
    # None are published for the first day: those of the next one.
    for day in (FIRST, SECOND):
        found = read_vectors(
            lake, scenario, KIND, ALIGNED_AT, VectorState.ALIGNED, day, wanted.unique()
        )
        assert found["item_id"].to_pylist() == [4, 33]
        assert found["embedding"].to_pylist() == [expected[4], expected[33]]
    with pytest.raises(InputError, match=r"lis vectors .*--as-of 2026-01-12"):
        read_vectors(lake, scenario, KIND, ALIGNED_AT, VectorState.ALIGNED, THIRD, wanted.unique())


def test_a_lake_without_pictures_and_items_without_content(
    lake: Lake, scenario: Scenario, computed: list[int]
) -> None:
    described = {name: values for name, values in content([50, 51, 52]).items() if name != "image"}
    described |= {"title": ["", "red soft", None], "category": [None, None, ""]}
    described["vector"] = [None, None, []]
    publish_items(lake, scenario, THIRD, item_id=[50, 51, 52], **described)
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, THIRD)
    assert {50, 51, 52} & set(computed) == {51}
    unaligned = stored(lake, scenario, THIRD, VectorState.UNALIGNED)
    assert np.linalg.norm(unaligned[51]) == pytest.approx(1)


def broken_encoder(encoder: AlignedEncoder, table: pa.Table) -> np.ndarray:
    found = np.zeros((len(table), encoder.length), np.float32)
    found[table["item_id"].to_pylist().index(7), 2] = np.nan
    return found


def test_a_vector_that_is_not_finite_is_refused(
    lake: Lake, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlignedEncoder, "vectors", broken_encoder)
    with pytest.raises(InputError, match=r"aligned vector of item 7 .*not finite") as found:
        publish_vectors(lake, scenario, KIND, ALIGNED_AT, FIRST)
    assert "\n" not in str(found.value)
    partition = vector_partition(scenario, KIND, ALIGNED_AT, VectorState.ALIGNED, FIRST)
    assert lake.manifest(partition) is None


@pytest.mark.parametrize(
    ("day", "aligned_at", "message"),
    [
        (FIRST, date(2026, 1, 9), r"lis align .*--aligned-at 2026-01-09"),
        (date(2026, 1, 1), ALIGNED_AT, "no items through 2026-01-01: run lis ingest"),
    ],
)
def test_what_is_missing_is_named(
    lake: Lake, scenario: Scenario, day: date, aligned_at: date, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        publish_vectors(lake, scenario, KIND, aligned_at, day)


def test_a_stored_encoder_computes_what_it_did(lake: Lake, scenario: Scenario) -> None:
    items = pa.table({"item_id": list(range(9)), **content(range(9))})
    once, again = (read_encoder(lake, scenario, KIND, ALIGNED_AT).vectors(items) for _ in "ab")
    assert once.tobytes() == again.tobytes()
    assert len(np.unique(once, axis=0)) == 9


def test_longer_vectors_keep_their_products_on_average() -> None:
    given = np.random.default_rng(1).standard_normal((200, 50)).astype(np.float32)
    found = reduced(given, 20, seed=0)
    assert found.shape == (200, 20)
    expected, products = (one @ one.T for one in (given, found))
    assert np.corrcoef(np.diag(expected), np.diag(products))[0, 1] > 0.5
    assert np.diag(products).mean() == pytest.approx(np.diag(expected).mean() * 20 / 50, rel=0.1)


def test_own_vectors_of_two_lengths_are_refused() -> None:
    columns = {**content(range(3)), "vector": [[1.0, 2.0], None, [1.0]]}
    schema = pa.schema([("item_id", pa.int64()), *CONTENT])
    table = pa.table({"item_id": [10, 11, 12], **columns}, schema)
    with pytest.raises(InputError, match="item 12 has 1 numbers, others have 2"):
        own_vectors(table, 8, seed=0)
