"""An aligned encoder follows from its inputs alone, and has seen no validation item."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jobs.alignment.aligned_encoder import read_encoder
from jobs.alignment.encoders.encoder import Inputs
from jobs.alignment.encoders.kinds.small import SmallEncoder
from jobs.alignment.training.align import align
from jobs.alignment.training.curves import CurvePoint, curve_points
from jobs.alignment.training.train_encoder import _Training
from jobs.common.errors import InputError
from jobs.lake import Lake
from tests.jobs.alignment.preference_lake import (
    ALIGNED_AT,
    EVERY_FIFTH,
    ITEMS,
    KIND,
    alignment_scenario,
    publish_curated,
    stored_bytes,
    targets,
)
from tests.jobs.lake.damage import flip

PROJECT = Path(__file__).resolve().parents[4]
KILLED_AT_A_WRITE = """
import os, signal, sys
from datetime import date
from jobs.alignment.encoders.kinds import small
from jobs.alignment.training.align import align
from jobs.lake import Lake
from jobs.lake.storage import Storage
from jobs.scenarios import Scenario

left, write = int(sys.argv[3]), Storage.replace

def write_or_die(self, path, content, **options):
    global left
    left -= "state.safetensors" in path
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, path, content, **options)

Storage.replace = write_or_die
small.BUCKETS = 64
scenario = Scenario.model_validate_json(sys.argv[2])
align(Lake(sys.argv[1]), scenario, "id_embedding", date(2026, 1, 10))
"""


def names_and_bytes(lake: Lake) -> dict[str, bytes]:
    return stored_bytes(lake, "encoders")


def other_lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "other"))


def test_the_same_items_give_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    scenario = alignment_scenario()
    for one in (lake, other_lake(tmp_path)):
        publish_curated(one, scenario)
        align(one, scenario, KIND, ALIGNED_AT)
    assert names_and_bytes(lake) == names_and_bytes(other_lake(tmp_path)) != {}
    assert not lake.storage.folders("_unfinished")


def test_a_current_encoder_is_left_as_it_is(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = alignment_scenario()
    publish_curated(lake, scenario)
    first = align(lake, scenario, KIND, ALIGNED_AT)
    monkeypatch.setattr(_Training, "run_epoch", None)
    assert align(lake, scenario, KIND, ALIGNED_AT) == first


@pytest.mark.fault
def test_a_killed_training_goes_on_to_the_same_bytes(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"loss": "contrastive", "keep": 0.1, "curriculum": True, "accumulate": 2}
    scenario, unbroken = alignment_scenario(training=training), other_lake(tmp_path)
    for one in (lake, unbroken):
        publish_curated(one, scenario)
    align(unbroken, scenario, KIND, ALIGNED_AT)
    # Before the state after the third epoch is written: two are stored.
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_WRITE, lake.uri, scenario.model_dump_json(), "3"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert names_and_bytes(lake) == {}
    epochs, run = [], _Training.run_epoch

    def counted(training: _Training, epoch: int) -> None:
        epochs.append(epoch)
        run(training, epoch)

    monkeypatch.setattr(_Training, "run_epoch", counted)
    align(lake, scenario, KIND, ALIGNED_AT)
    assert epochs == [3]
    assert names_and_bytes(lake) == names_and_bytes(unbroken)


def test_a_state_of_other_items_is_not_continued(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = alignment_scenario()
    publish_curated(lake, scenario, items=50)
    with monkeypatch.context() as broken:
        broken.setattr(_Training, "take_best", None)
        with pytest.raises(TypeError):
            align(lake, scenario, KIND, ALIGNED_AT)
    assert lake.storage.folders("_unfinished")
    for one in (lake, other_lake(tmp_path)):
        publish_curated(one, scenario)
        align(one, scenario, KIND, ALIGNED_AT)
    assert names_and_bytes(lake) == names_and_bytes(other_lake(tmp_path))


def test_a_damaged_state_is_not_continued(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = alignment_scenario()
    publish_curated(lake, scenario)
    with monkeypatch.context() as broken:
        broken.setattr(_Training, "take_best", None)
        with pytest.raises(TypeError):
            align(lake, scenario, KIND, ALIGNED_AT)
    [state] = Path(lake.storage.absolute("_unfinished")).rglob("state.safetensors")
    flip(state, state.stat().st_size // 2)
    publish_curated(other_lake(tmp_path), scenario)
    for one in (lake, other_lake(tmp_path)):
        align(one, scenario, KIND, ALIGNED_AT)
    assert names_and_bytes(lake) == names_and_bytes(other_lake(tmp_path))


@pytest.mark.parametrize("pairs", [False, True])
def test_no_validation_item_is_in_a_training_batch(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, pairs: bool
) -> None:
    batches: list[np.ndarray] = []
    states = SmallEncoder.states

    def recorded(encoder: SmallEncoder, inputs: Inputs) -> torch.Tensor:
        if encoder.training:
            batches.append(inputs["vector"][:, 0].numpy().round().astype(int))
        return states(encoder, inputs)

    monkeypatch.setattr(SmallEncoder, "states", recorded)
    scenario = alignment_scenario()
    publish_curated(lake, scenario, pairs=pairs)
    align(lake, scenario, KIND, ALIGNED_AT)
    trained = set(np.concatenate(batches).tolist())
    expected = {number for number in range(ITEMS) if number % EVERY_FIFTH}
    assert trained <= expected
    assert pairs or trained == expected


def test_targets_of_validation_items_change_no_weight(lake: Lake, tmp_path: Path) -> None:
    scenario = alignment_scenario(training={"epochs": 1})
    changed = [
        [-5 * number for number in target] if item % EVERY_FIFTH == 0 else target
        for item, target in enumerate(targets(range(ITEMS)))
    ]
    publish_curated(lake, scenario)
    publish_curated(other_lake(tmp_path), scenario, target=changed)
    weights = []
    for one in (lake, other_lake(tmp_path)):
        align(one, scenario, KIND, ALIGNED_AT)
        read = read_encoder(one, scenario, KIND, ALIGNED_AT)
        # Its penalty is chosen on validation items, as the epoch is.
        read.placement = None
        weights.append(read.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    "training",
    [
        {"loss": "cosine"},
        {"loss": "contrastive"},
        {"loss": "contrastive", "hard_negatives": 4, "curriculum": True, "keep": 0.1},
        {"loss": "pairs"},
    ],
    ids=lambda training: "-".join(map(str, training.values())),
)
def test_each_loss_raises_recall(lake: Lake, training: dict[str, Any]) -> None:
    options = {"epochs": 8, "patience": 8, "batch_size": 32, "rate": 1e-2, **training}
    scenario = alignment_scenario(training=options)
    publish_curated(lake, scenario, items=200, pairs=training["loss"] == "pairs")
    facts = align(lake, scenario, KIND, ALIGNED_AT).facts
    before = facts["by_epoch"][0]
    assert facts["recall_mean"] > 1.3 * before["recall_mean"]
    assert (facts["trained"], facts["validated"]) == (160, 40)
    best = max(facts["by_epoch"][1:], key=lambda one: one["recall_mean"])
    assert facts["best_epoch"] == best["epoch"]
    assert facts["recall_mean"] == best["recall_mean"]


def test_the_stored_encoder_is_that_of_the_best_epoch(lake: Lake) -> None:
    # Targets that content does not tell: what is recalled is chance, and soon rises no more.
    noise = np.random.default_rng(0).standard_normal((ITEMS, 4)).tolist()
    patient = alignment_scenario(training={"epochs": 20, "patience": 2})
    publish_curated(lake, patient, target=noise)
    facts = align(lake, patient, KIND, ALIGNED_AT).facts
    assert facts["epochs"] == facts["best_epoch"] + 2 < 20
    shorter = alignment_scenario(training={"epochs": facts["best_epoch"], "patience": 2})
    publish_curated(lake, shorter, target=noise)
    align(lake, shorter, KIND, ALIGNED_AT)
    read = [read_encoder(lake, one, KIND, ALIGNED_AT).state_dict() for one in (patient, shorter)]
    assert all(torch.equal(read[0][name], read[1][name]) for name in read[0])


def test_the_curves_have_every_epoch(lake: Lake) -> None:
    scenario = alignment_scenario()
    publish_curated(lake, scenario)
    facts = align(lake, scenario, KIND, ALIGNED_AT).facts
    points = curve_points(facts)
    steps = {name: [point.step for point in points if point.name == name] for name, *_ in points}
    assert steps.pop("loss") == [1, 2, 3]
    assert set(steps) == {"recall_1", "recall_10", "recall_100", "recall_mean", "temperature"}
    assert all(found == [0, 1, 2, 3] for found in steps.values())
    best = facts["best_epoch"]
    assert CurvePoint("recall_10", best, facts["recall_10"]) in points
    with_adaptor = curve_points({**facts, "adaptor": {"log_loss": [0.5, 0.4]}})
    assert CurvePoint("adaptor_log_loss", 1, 0.4) in with_adaptor


BROKEN = [list(target) for target in targets(range(ITEMS))]
BROKEN[17][2] = float("nan")
SHORT = [target[: 4 if item == 23 else 5] for item, target in enumerate(targets(range(ITEMS)))]


@pytest.mark.parametrize(
    ("options", "curated", "message"),
    [
        ({}, {"target": BROKEN}, "target of item 17 has a number that is not finite"),
        ({}, {"target": SHORT}, "target of item 23 has 4 numbers, others have 5"),
        ({"curation": {"min_validation": 30}}, {}, "12 validation items"),
        ({"training": {"loss": "pairs"}}, {}, "which needs lists of items"),
        ({"training": {"loss": "cosine"}}, {"pairs": True}, "which needs target vectors"),
        ({"training": {"hard_negatives": 2}}, {"pairs": True}, "set it to 0"),
        ({"training": {"hard_negatives": 2, "loss": "cosine"}}, {}, "has no negatives"),
        ({"training": {"loss": "cosine"}}, {"target": [[1.0]] * ITEMS}, "single numbers"),
        ({"training": {"adaptor": True}}, {}, "0 days with a ranker before 2026-01-10"),
        ({"training": {"rate": 1e30}}, {}, "lower alignment.training.rate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line_and_publishes_nothing(
    lake: Lake, options: dict[str, Any], curated: dict[str, Any], message: str
) -> None:
    scenario = alignment_scenario(**options)
    publish_curated(lake, scenario, **curated)
    with pytest.raises(InputError, match=message) as found:
        align(lake, scenario, KIND, ALIGNED_AT)
    assert "\n" not in str(found.value)
    assert names_and_bytes(lake) == {}


def test_without_curated_items_the_command_is_named(lake: Lake) -> None:
    with pytest.raises(InputError, match=r"lis stage curate .*--aligned-at 2026-01-10") as found:
        align(lake, alignment_scenario(), KIND, ALIGNED_AT)
    assert "--as-of 2026-01-11" in str(found.value)
