"""Old checkpoints lose their files, and get the same ones back when they are read."""

import shlex
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.cli.main import main
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, snapshot_partition
from jobs.lake.storage import Storage
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.training.kept_checkpoints import (
    PROCESSES,
    days_to_keep,
    restore_checkpoints,
    thin_checkpoints,
)
from jobs.scenarios import Mode, Scenario

FIRST = date(2026, 1, 1)
LAST_TRAINED = 7
Rows = list[dict[str, Any]]
Files = dict[str, bytes]


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


@pytest.fixture
def thinning(scenario: Scenario) -> Scenario:
    """Keeps the newest three of the days 1 to 8, the first, and those whose ordinal 5 divides."""
    return scenario.model_copy(update={"horizons": (2,), "keep_checkpoints": 5})


@pytest.fixture(scope="module")
def built(
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lake:
    lake, scenario = Lake(str(tmp_path_factory.mktemp("built") / "lake")), with_options()
    publish_log(lake, scenario, make_log(days=LAST_TRAINED, rows=15))
    extend_lineage(lake, scenario, day(LAST_TRAINED), progress=False)
    for one in checkpoint_days(lake, scenario):
        publish_snapshot(lake, scenario, one)
    return lake


@pytest.fixture
def trained(built: Lake, lake: Lake) -> Lake:
    """Rankers of January 1 to 8, and their item tables."""
    shutil.copytree(built.uri, lake.uri)
    return lake


def publish_snapshot(lake: Lake, scenario: Scenario, one: date) -> None:
    """A table of no items, from the checkpoint as it is."""
    partition = snapshot_partition(scenario, one)
    checkpoint = lake.require(checkpoint_partition(scenario, one), "")
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"item_id": pa.array([], pa.int64())}))
        attempt.publish(partition, inputs={"checkpoint": checkpoint.digest})


def with_files(lake: Lake, scenario: Scenario) -> list[int]:
    """Numbers of the days whose checkpoints have their files."""
    return [
        (one - FIRST).days + 1
        for one in checkpoint_days(lake, scenario)
        if lake.has_files(
            checkpoint_partition(scenario, one),
            lake.require(checkpoint_partition(scenario, one), ""),
        )
    ]


def test_the_rule_keeps_the_first_the_newest_and_every_kth(scenario: Scenario) -> None:
    days = [day(number) for number in range(1, 101)]
    swap = scenario.model_copy(update={"horizons": (7, 30), "keep_checkpoints": 16})
    kept = days_to_keep(swap, days)
    assert {one for one in days if one >= day(70)} <= kept
    older = sorted(one for one in kept if one < day(70))
    assert older[0] == day(1)
    assert [(b - a).days for a, b in pairwise(older[1:])] == [16] * 3
    # Probe and retrain mode fit to the days before T, with the ranker of each.
    probe = swap.model_copy(update={"modes": (Mode.SWAP, Mode.PROBE)})
    assert {one for one in days if one >= day(70 - probe.fit.days)} <= days_to_keep(probe, days)
    assert days_to_keep(swap.model_copy(update={"keep_checkpoints": 1}), days) == set(days)
    assert days_to_keep(swap, []) == set()


def test_restored_checkpoints_have_the_bytes_that_were_removed(
    trained: Lake, thinning: Scenario, checkpoint_files: Callable[[Lake], Files]
) -> None:
    before = checkpoint_files(trained)
    thinned = thin_checkpoints(trained, thinning)
    kept = with_files(trained, thinning)
    assert kept[0] == 1
    assert kept[-3:] == [6, 7, 8]
    assert sorted((one - FIRST).days + 1 for one in thinned) == sorted({*range(1, 9)} - {*kept})
    assert len(thinned) >= 3
    assert thin_checkpoints(trained, thinning) == []
    # Whoever reads the digests of checkpoints sees no difference.
    assert checkpoint_days(trained, thinning) == [day(number) for number in range(1, 9)]
    assert extend_lineage(trained, thinning, day(LAST_TRAINED), progress=False) == []
    with pytest.raises(InputError, match=f"train --scenario tiny --restore {thinned[-1]}"):
        read_checkpoint(trained, thinning, thinned[-1])
    assert thinned[-1] in restore_checkpoints(trained, thinning, [thinned[-1]])
    assert read_checkpoint(trained, thinning, thinned[-1])
    restore_checkpoints(trained, thinning, thinned)
    assert checkpoint_files(trained) == before
    assert restore_checkpoints(trained, thinning, thinned) == []


def test_the_command_in_the_message_makes_the_ranker_again(
    trained: Lake, thinning: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny feed.yaml"
    path.write_text(thinning.model_dump_json(exclude_unset=True))
    monkeypatch.setenv("LIS_LAKE", trained.uri)
    thinned = thin_checkpoints(trained, thinning)[0]
    with pytest.raises(InputError) as refused:
        read_checkpoint(trained, thinning.named_as(str(path)), thinned)
    command = shlex.split(str(refused.value).partition("run lis ")[2].partition(", which")[0])
    assert command == ["train", "--scenario", str(path), "--restore", str(thinned)]
    assert main(command) == 0
    assert read_checkpoint(trained, thinning, thinned)


def test_days_in_between_are_trained_on_once(trained: Lake, thinning: Scenario) -> None:
    none_kept = thinning.model_copy(update={"keep_checkpoints": 10**6})
    assert len(thin_checkpoints(trained, none_kept)) == 4
    assert restore_checkpoints(trained, none_kept, [day(4)]) == [day(2), day(3), day(4)]
    assert restore_checkpoints(trained, none_kept, [day(5)]) == [day(5)]


def test_a_checkpoint_keeps_its_files_until_its_item_table_is_published(
    trained: Lake, thinning: Scenario
) -> None:
    trained.storage.remove(snapshot_partition(thinning, day(3)).path)
    assert day(3) not in thin_checkpoints(trained, thinning)
    assert 3 in with_files(trained, thinning)


def test_what_several_processes_have_trained_is_kept(trained: Lake, thinning: Scenario) -> None:
    partition = checkpoint_partition(thinning, day(3))
    manifest = trained.require(partition, "")
    with trained.attempt([partition]) as attempt:
        for file in manifest.files:
            content = trained.storage.read(f"{partition.path}/{file.path}")
            assert content is not None
            attempt.write_bytes(file.name, content)
        attempt.publish(partition, inputs=manifest.inputs, facts={PROCESSES: 2})
    assert day(3) not in thin_checkpoints(trained, thinning)


def test_a_late_row_is_trained_on_from_a_restored_checkpoint(
    trained: Lake,
    thinning: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    tmp_path: Path,
    checkpoint_files: Callable[[Lake], Files],
) -> None:
    log = make_log(days=LAST_TRAINED, rows=15)
    late = next(row for row in log if row["ts"].date() == day(4) and row["fold"] == "lineage")
    late["label"] = 1 - late["label"]
    straight = Lake(str(tmp_path / "straight"))
    publish_log(straight, thinning, log)
    extend_lineage(straight, thinning, day(LAST_TRAINED), progress=False)
    none_kept = thinning.model_copy(update={"keep_checkpoints": 10**6})
    thin_checkpoints(trained, none_kept)
    publish_log(trained, thinning, log)
    with pytest.raises(InputError, match="the log of 2026-01-04 has changed since: run lis train"):
        restore_checkpoints(trained, none_kept, [day(5)])
    assert extend_lineage(trained, none_kept, day(LAST_TRAINED), progress=False)[0] == day(4)
    assert checkpoint_files(trained) == checkpoint_files(straight)


def test_other_bytes_are_refused(
    trained: Lake, thinning: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if another version of a library had trained the lineage."""
    [thinned, *_] = thin_checkpoints(trained, thinning)
    ranker = thinning.ranker.model_copy(update={"seed": 99})
    monkeypatch.setattr(
        "jobs.ranker.training.kept_checkpoints.read_checkpoint",
        lambda lake, scenario, one: _reseeded(read_checkpoint(lake, scenario, one), ranker),
    )
    with pytest.raises(InputError, match="other versions of libraries, trained it: run lis train"):
        restore_checkpoints(trained, thinning, [thinned])
    assert (thinned - FIRST).days + 1 not in with_files(trained, thinning)


def _reseeded(ranker: Any, options: Any) -> Any:
    ranker.options = options
    return ranker


@pytest.mark.parametrize(
    ("operation", "calls"),
    [("remove", 0), ("remove", 1), ("remove", 11), ("move", 1), ("move", 6)],
)
def test_an_interrupt_leaves_what_a_rerun_completes(
    trained: Lake,
    thinning: Scenario,
    checkpoint_files: Callable[[Lake], Files],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    calls: int,
) -> None:
    """In the first or second checkpoint, while its files are removed or put back."""
    before = checkpoint_files(trained)
    original = getattr(Storage, operation)
    left = calls

    def interrupted(storage: Storage, *paths: str) -> None:
        nonlocal left
        left -= paths[-1].startswith("checkpoints/")
        if left < 0:
            raise KeyboardInterrupt
        original(storage, *paths)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, operation, interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore_checkpoints(trained, thinning, thin_checkpoints(trained, thinning))
    assert checkpoint_files(trained) != before
    assert checkpoint_days(trained, thinning) == [day(number) for number in range(1, 9)]
    thin_checkpoints(trained, thinning)
    restore_checkpoints(trained, thinning, checkpoint_days(trained, thinning))
    assert checkpoint_files(trained) == before
