"""Old item tables lose their files, and get the same ones back."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_partition, snapshot_partition
from jobs.ranker.training.kept_checkpoints import thin_checkpoints
from jobs.scenarios import Scenario
from jobs.snapshots.export import build_snapshots
from jobs.snapshots.kept_snapshots import restore_snapshots, thin_snapshots

LAST = date(2026, 1, 5)
THIRD = date(2026, 1, 3)


def test_restored_item_tables_have_the_bytes_that_were_removed(
    trained: Lake,
    make_scenario: Callable[..., Scenario],
    published_bytes: Callable[..., dict[str, bytes]],
) -> None:
    """Their rankers are made again first."""
    kept = {"horizons": (1,), "keep_checkpoints": 10**6}
    scenario = make_scenario().model_copy(update=kept)
    build_snapshots(trained, scenario, LAST)
    before = published_bytes(trained, "snapshots", "checkpoints")
    removed = [date(2026, 1, number) for number in (2, 3, 4)]
    assert thin_checkpoints(trained, scenario) == removed
    assert thin_snapshots(trained, scenario) == removed
    assert thin_snapshots(trained, scenario) == []
    # No manifest is missing, so nothing is stale.
    assert build_snapshots(trained, scenario, LAST) == []
    assert restore_snapshots(trained, scenario, [THIRD, LAST]) == [THIRD]
    assert trained.read(snapshot_partition(scenario, THIRD)).num_rows
    assert restore_snapshots(trained, scenario, removed) == [removed[0], removed[2]]
    after = published_bytes(trained, "snapshots", "checkpoints")
    assert after == before


def test_a_table_of_another_ranker_is_refused(
    trained: Lake, make_scenario: Callable[..., Scenario]
) -> None:
    kept = {"horizons": (1,), "keep_checkpoints": 10**6}
    scenario = make_scenario().model_copy(update=kept)
    build_snapshots(trained, scenario, LAST)
    thin_snapshots(trained, scenario)
    partition = checkpoint_partition(scenario, THIRD)
    other = checkpoint_partition(scenario, THIRD + timedelta(days=1))
    manifest = trained.require(other, "")
    with trained.attempt([partition]) as attempt:
        for file in manifest.files:
            content = trained.storage.read(f"{other.path}/{file.path}")
            assert content is not None
            attempt.write_bytes(file.name, content)
        attempt.publish(partition, inputs=manifest.inputs, facts=manifest.facts)
    with pytest.raises(InputError, match="its ranker has changed since: run lis train"):
        restore_snapshots(trained, scenario, [THIRD])
