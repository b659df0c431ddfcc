from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file

from jobs.common.errors import AuditError, InputError
from jobs.lake import Lake, Manifest
from jobs.lake.addresses import checkpoint_partition
from jobs.ranker.model.checkpoint import read_checkpoint, write_checkpoint, write_ranker
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.model.training_settings import TrainingSettings
from jobs.ranker.model.vocabulary import count_ids, file_of_ids
from jobs.ranker.training.train_day import train_day
from jobs.scenarios import Scenario

DAY = date(2026, 1, 1)
NEXT = DAY + timedelta(days=1)
CPU = torch.device("cpu")
Rows = list[dict[str, Any]]


@pytest.fixture
def ranker(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> Ranker:
    publish_log(lake, scenario, make_log(days=1))
    ranker = new_ranker(scenario, CPU)
    train_day(ranker, lake, scenario, DAY)
    return ranker


def test_a_ranker_is_read_back_bit_for_bit(lake: Lake, scenario: Scenario, ranker: Ranker) -> None:
    write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    found = read_checkpoint(lake, scenario, NEXT, CPU)
    for field in ranker.fields:
        assert found.vocabularies[field].ids.equals(ranker.vocabularies[field].ids)
        for name, values in vars(ranker.table.block(field)).items():
            np.testing.assert_array_equal(getattr(found.table.block(field), name), values)
    ours, theirs = ranker.network.state_dict(), found.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for one, other in zip(ranker.network.parameters(), found.network.parameters(), strict=True):
        for name, moment in ranker.optimizer.state[one].items():
            assert torch.equal(found.optimizer.state[other][name], moment)


def test_the_wide_part_and_the_settings_are_read_back(
    lake: Lake, scenario: Scenario, ranker: Ranker
) -> None:
    """In the float64 in which a day updates it."""
    generator = torch.Generator().manual_seed(1)
    for values in (ranker.network.wide, ranker.network.precision):
        values.copy_(torch.randn(values.shape, generator=generator, dtype=torch.float64) / 3)
    ranker.settings = TrainingSettings(17, 2, 0.3, 0.02, 0.05)
    write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    found = read_checkpoint(lake, scenario, NEXT, CPU)
    assert found.network.wide.dtype == torch.float64
    assert torch.equal(found.network.wide, ranker.network.wide)
    assert torch.equal(found.network.precision, ranker.network.precision)
    assert found.settings == ranker.settings


def test_the_layout_is_one_block_per_field(lake: Lake, scenario: Scenario, ranker: Ranker) -> None:
    write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    with lake.local_file(checkpoint_partition(scenario, NEXT), "table.safetensors") as path:
        stored = load_file(path)
    items = len(ranker.vocabularies["item_id"])
    shapes = {name: (values.shape, values.dtype.name) for name, values in stored.items()}
    assert shapes["item_id.embedding"] == ((items, 4), "float32")
    assert shapes["item_id.accumulator"] == ((items,), "float32")
    assert shapes["item_id.updates"] == ((items,), "int64")
    assert shapes["item_id.last_update"] == ((items,), "int64")
    assert len(shapes) == 4 * len(ranker.fields)


def test_writing_twice_gives_the_same_bytes(
    lake: Lake,
    scenario: Scenario,
    ranker: Ranker,
    checkpoint_files: Callable[[Lake], dict[str, bytes]],
) -> None:
    write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    before = checkpoint_files(lake)
    write_checkpoint(lake, scenario, NEXT, read_checkpoint(lake, scenario, NEXT, CPU), {}, {})
    assert checkpoint_files(lake) == before


def test_a_checkpoint_with_a_file_of_ids_for_each_field_is_read_and_made_again(
    lake: Lake,
    scenario: Scenario,
    ranker: Ranker,
    checkpoint_files: Callable[[Lake], dict[str, bytes]],
) -> None:
    """As earlier releases have published it."""
    manifest = write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    fields = ranker.fields
    expected = [ids_of(lake, scenario, manifest, field) for field in fields]
    partition = checkpoint_partition(scenario, NEXT)
    no_files = replace(manifest, files=())
    with lake.attempt([partition]) as attempt:
        write_ranker(attempt, scenario, NEXT, ranker, no_files)
        former = attempt.publish(partition, inputs={}, facts={})
    assert {f"vocabulary-{field}.parquet" for field in fields} < {one.name for one in former.files}
    before = checkpoint_files(lake)
    assert [ids_of(lake, scenario, former, field) for field in fields] == expected
    lake.drop_files(partition, former)
    with lake.attempt([]) as attempt:
        write_ranker(attempt, scenario, NEXT, ranker, former)
        attempt.put_back(partition, former)
    assert checkpoint_files(lake) == before


def ids_of(lake: Lake, scenario: Scenario, manifest: Manifest, field: str) -> list[Any]:
    """The ids of a field in a published checkpoint, as rankers and item tables read them."""
    ids: list[Any] = read_checkpoint(lake, scenario, NEXT, CPU).vocabularies[field].ids.to_pylist()
    assert count_ids(manifest, field) == len(ids) > 0
    name, column = file_of_ids(manifest, field)
    with lake.local_file(checkpoint_partition(scenario, NEXT), name) as path:
        stored = pq.ParquetFile(path).read([column])[column].to_pylist()
    assert stored[: len(ids)] == ids
    assert set(stored[len(ids) :]) <= {None}
    return ids


def test_a_checkpoint_trained_on_its_own_day_is_rejected(
    lake: Lake, scenario: Scenario, ranker: Ranker
) -> None:
    with pytest.raises(AuditError, match="window"):
        write_checkpoint(lake, scenario, DAY, ranker, {}, {})
    assert lake.manifest(checkpoint_partition(scenario, DAY)) is None


def test_a_missing_checkpoint_names_the_command(lake: Lake, scenario: Scenario) -> None:
    with pytest.raises(InputError, match=r"train --scenario tiny --until 2026-01-01"):
        read_checkpoint(lake, scenario, NEXT)


def test_a_checkpoint_of_another_design_is_not_read(
    lake: Lake, scenario: Scenario, ranker: Ranker, with_options: Callable[..., Scenario]
) -> None:
    write_checkpoint(lake, scenario, NEXT, ranker, {}, {})
    with pytest.raises(InputError, match="nothing published"):
        read_checkpoint(lake, with_options(embedding_dim=5), NEXT)
