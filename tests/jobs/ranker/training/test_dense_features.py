"""The vectors that items come with as inputs of the daily lineage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.ais.lineages.train_lineages import SCORED_FOLDS, score_lineages
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, ranker_version
from jobs.lake.chain import chain_digests
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import DESCRIPTION, read_checkpoint
from jobs.ranker.rows.day_rows import dense_rows, read_day_rows
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.scoring.score_day import BASELINE, score_day
from jobs.ranker.towers.retrain_towers import ParallelRankers
from jobs.ranker.training.current_rankers import first_stale_ranker
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import Fold, RetrainOptions, Scenario
from jobs.tuning.progressive import validated
from tests.jobs.ranker import described_items as items
from tests.jobs.ranker.described_items import Rows, Vectors, publish_items, reading, vectors_of

CPU = torch.device("cpu")
FIRST, DAYS = date(2026, 1, 1), 3


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


@pytest.fixture(scope="module")
def scenario(with_options: Callable[..., Scenario]) -> Scenario:
    """Without statistics: only a vector tells anything of a new item."""
    return reading(with_options(dense_rate=0.02, statistics=False))


@pytest.fixture(scope="module")
def log(make_log: Callable[..., Rows]) -> Rows:
    """Every day shows new items only, which are clicked by the first number of their vector."""
    log = make_log(days=DAYS + 1, rows=150, users=15, items=20)
    generator = np.random.default_rng(2)
    for row in log:
        number = (row["ts"].date() - FIRST).days
        row["item_id"] += 19 * number
        chance = 1 / (1 + np.exp(-3 * items.taste(row["item_id"])[0]))
        row["label"] = int(generator.random() < chance)
    return log


@pytest.fixture
def published(
    tmp_path: Path, scenario: Scenario, log: Rows, publish_log: Callable[..., None]
) -> Callable[..., Lake]:
    """Lakes of the same log, by name."""

    def publish(name: str, vectors: Vectors | None = None, rows: Rows = log) -> Lake:
        lake = Lake(str(tmp_path / name))
        publish_log(lake, scenario, rows)
        publish_items(lake, scenario, rows, vectors_of(rows) if vectors is None else vectors)
        return lake

    return publish


@pytest.fixture(scope="module")
def built(
    scenario: Scenario,
    log: Rows,
    publish_log: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("built") / "lake"))
    publish_log(lake, scenario, log)
    publish_items(lake, scenario, log, vectors_of(log))
    train(lake, scenario)
    return lake


@pytest.fixture
def trained(built: Lake, tmp_path: Path) -> Lake:
    """A copy of a lake with rankers of the first days, which a test may change."""
    shutil.copytree(built.uri, tmp_path / "trained")
    return Lake(str(tmp_path / "trained"))


def train(lake: Lake, scenario: Scenario, through: int = DAYS, **options: Any) -> list[date]:
    return extend_lineage(lake, scenario, day(through), progress=False, **options)


def scores(lake: Lake, scenario: Scenario, number: int) -> NDArray[np.float64]:
    """By the ranker of a day, of its held-out rows."""
    return score_day(lake, scenario, day(number), {}, (Fold.EVAL,)).scores[BASELINE]


def data_files(lake: Lake, scenario: Scenario) -> list[tuple[date, str, str]]:
    """Day, name and hash of every file of every checkpoint."""
    found = [
        (one, lake.require(checkpoint_partition(scenario, one), ""))
        for one in checkpoint_days(lake, scenario)
    ]
    return [(one, file.name, file.sha256) for one, manifest in found for file in manifest.files]


def test_a_ranker_that_reads_them_knows_items_that_are_new(
    trained: Lake, scenario: Scenario, with_options: Callable[..., Scenario]
) -> None:
    lake, auc = trained, {}
    for one in (scenario, with_options(dense_rate=0.02, statistics=False)):
        train(lake, one)
        ranker = read_checkpoint(lake, one, day(DAYS + 1))
        rows = read_day_rows(ranker, lake, one, day(DAYS + 1), (Fold.EVAL, Fold.FIT))
        assert not rows.item_updates.any()
        auc[one.ranker.dense_features] = roc_auc_score(rows.labels, logits(ranker, rows)[:, 0])
    assert auc[()] < 0.6
    assert auc["vector",] > 0.8


def test_all_that_scores_reads_the_same(trained: Lake, scenario: Scenario) -> None:
    lake = trained
    ranker = read_checkpoint(lake, scenario, day(DAYS + 1))
    rows = read_day_rows(ranker, lake, scenario, day(DAYS + 1), (Fold.EVAL,))
    expected = 1 / (1 + np.exp(-logits(ranker, rows)[:, 0].astype(np.float64)))
    np.testing.assert_allclose(scores(lake, scenario, DAYS + 1), expected, atol=1e-6)
    # Retrain mode stacks rankers, and begins with the ranker of the day.
    heads = ranker.network.heads_of_vectors
    rankers = ParallelRankers(ranker.network, 1, 1, 0.01, RetrainOptions(seeds=2))
    found = rankers.score(dense_rows([rows], CPU, heads), torch.zeros(1, len(rows), 1))
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-6)
    # A ranker of an earlier day hands on what it has read.
    before = read_checkpoint(lake, scenario, day(DAYS)).item_vectors
    later = read_checkpoint(lake, scenario, day(DAYS + 1), known=before).item_vectors["vector"]
    whole = ranker.item_vectors["vector"]
    assert later.items.ids.equals(whole.items.ids)
    assert np.array_equal(later.vectors, whole.vectors)
    assert len(before["vector"].items) < len(whole.items)


def test_retrain_mode_fits_to_days_on_which_no_vector_was_known(
    trained: Lake, scenario: Scenario
) -> None:
    """Their rows are read as those of items without a vector, whatever days surround them."""
    found = []
    for number in (1, 3, 4):
        ranker = read_checkpoint(trained, scenario, day(number))
        found.append(read_day_rows(ranker, trained, scenario, day(number), (Fold.FIT,)))
    heads = ranker.network.heads_of_vectors
    assert [list(one.item_vectors) for one in found] == [[], ["vector"], ["vector"]]
    rows = dense_rows(found, CPU, heads)
    before, third, fourth = np.split(np.arange(len(rows)), np.cumsum([len(x) for x in found])[:-1])
    coverage = heads["vector"].scale.coverage
    expected = np.array([[0, 0, 0, 0, -coverage]], np.float32)
    inputs = rows.dense_inputs(torch.arange(len(rows))).numpy()
    np.testing.assert_array_equal(inputs[before], np.repeat(expected, len(before), axis=0))
    for numbers, one in zip((third, fourth), found[1:], strict=True):
        np.testing.assert_allclose(inputs[numbers], one.dense_inputs(slice(None)), atol=1e-6)
        assert inputs[numbers].any(axis=1).all()
    batch = torch.from_numpy(np.stack([before[:4], fourth[:4]]))
    np.testing.assert_array_equal(rows.dense_inputs(batch).numpy(), inputs[batch.numpy()])


def test_a_lineage_may_be_interrupted_and_begin_before_the_vectors(
    published: Callable[..., Lake],
    scenario: Scenario,
    log: Rows,
    checkpoint_files: Callable[[Lake], dict[str, bytes]],
) -> None:
    """Items of the first day have no vector; training in parts, and again, gives the same bytes."""
    of_first = {row["item_id"] for row in log if row["ts"].date() == FIRST}
    some = {item: one for item, one in vectors_of(log).items() if item not in of_first}
    straight, parts = published("straight", some), published("parts", some)
    train(straight, scenario)
    for through in (1, 2, 3):
        train(parts, scenario, through)
    assert checkpoint_files(parts) == checkpoint_files(straight)
    heads = [
        list(read_checkpoint(parts, scenario, day(number)).network.heads_of_vectors)
        for number in (1, 2, 3, 4)
    ]
    assert heads == [[], [], ["vector"], ["vector"]]
    for number in (2, 3):
        partition = checkpoint_partition(scenario, day(number))
        parts.drop_files(partition, parts.require(partition, ""))
    assert checkpoint_files(parts) != checkpoint_files(straight)
    assert restore_checkpoints(parts, scenario, [day(2), day(3)]) == [day(2), day(3)]
    assert checkpoint_files(parts) == checkpoint_files(straight)


def test_labels_of_held_out_rows_leave_no_trace(
    trained: Lake, published: Callable[..., Lake], scenario: Scenario, log: Rows
) -> None:
    found = [data_files(trained, scenario)]
    for name, folds in (("held out", ("eval", "fit")), ("lineage", ("lineage",))):
        flipped = [
            {**row, "label": 1 - row["label"]} if row["fold"] in folds else row for row in log
        ]
        lake = published(name, rows=flipped)
        train(lake, scenario)
        found.append(data_files(lake, scenario))
    assert found[0] == found[1] != found[2]


def test_what_comes_later_is_in_no_score(trained: Lake, scenario: Scenario, log: Rows) -> None:
    lake, number = trained, 3
    before = scores(lake, scenario, number)
    other = {item: [-x for x in vector] for item, vector in vectors_of(log).items()}
    publish_items(lake, scenario, log, other, [day(number + 1)])
    assert np.array_equal(scores(lake, scenario, number), before)
    # Items that are new on the day are known with their content.
    publish_items(lake, scenario, log, other, [day(number)])
    assert not np.array_equal(scores(lake, scenario, number), before)
    # Standardised on the first day: not by what later days show.
    ranker = read_checkpoint(lake, scenario, day(number))
    shown = [
        items.taste(r["item_id"]) for r in log if r["ts"].date() == FIRST and r["fold"] == "lineage"
    ]
    scale = ranker.network.heads_of_vectors["vector"].scale
    np.testing.assert_allclose(scale.centre, np.mean(shown, axis=0), atol=1e-6)
    np.testing.assert_allclose(scale.spread, np.std(shown, axis=0), atol=1e-6)


def test_a_later_description_of_an_item_holds_from_its_day_on(
    trained: Lake, scenario: Scenario, log: Rows
) -> None:
    item, partition = log[0]["item_id"], Partition("items", scenario.name, day(3))
    stored = trained.read(partition)
    again = {"item_id": item, "first_seen": log[0]["ts"], "vector": [9.0, 9.0]}
    rows = pa.Table.from_pylist([*stored.to_pylist(), again], stored.schema)
    with trained.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", rows)
        attempt.publish(partition, inputs={})
    before = read_checkpoint(trained, scenario, day(2))
    found = {
        day(2): before,
        day(3): read_checkpoint(trained, scenario, day(3), known=before.item_vectors),
        day(4): read_checkpoint(trained, scenario, day(4)),
    }
    for one, ranker in found.items():
        vectors = ranker.item_vectors["vector"]
        raw = np.array([9, 9] if one > day(2) else items.taste(item)).astype("f4").astype(float)
        expected = (raw - vectors.scale.centre) / vectors.scale.spread
        (position,) = vectors.items.rows(pa.array([item]))
        np.testing.assert_allclose(vectors.vectors[position], expected, atol=1e-6)


def test_vectors_are_read_from_the_day_on_which_they_are_known(
    trained: Lake, scenario: Scenario
) -> None:
    always = ranker_version(scenario)
    later = known_from(scenario, day(3))
    assert len({always, ranker_version(later), ranker_version(known_from(scenario, day(2)))}) == 3
    assert ranker_version(known_from(scenario, None)) != always  # of another name
    name_vectors(trained, scenario, "keys")
    train(trained, later)
    ranker = read_checkpoint(trained, later, day(3))
    assert not ranker.vector_names
    ranker = read_checkpoint(trained, later, day(4))
    assert len(ranker.item_vectors["keys"].items) > 60  # those of days before are among them


def test_a_lineage_of_an_ais_is_that_of_a_ranker_that_reads_the_vectors(
    trained: Lake, scenario: Scenario, log: Rows, with_options: Callable[..., Scenario]
) -> None:
    """For good: the vectors become a dense feature that is known from the first day of the AIS."""
    without = with_options(dense_rate=0.02, statistics=False)
    name_vectors(trained, scenario, "keys")
    aligned = known_from(scenario, day(2))
    for one in (without, aligned):
        train(trained, one)
    vectors = vectors_of(log)
    flat = pa.array(np.ravel([*vectors.values()]).astype(np.float32))
    embedding = pa.FixedSizeListArray.from_arrays(flat, 2)
    tables = {"aligned": pa.table({"item_id": pa.array([*vectors]), "embedding": embedding})}
    of_ais = score_lineages(trained, without, tables, day(4), [day(2), day(3)])
    ranker = read_checkpoint(trained, aligned, day(4))
    rows = read_day_rows(ranker, trained, aligned, day(4), SCORED_FOLDS)
    found = torch.from_numpy(logits(ranker, rows)[:, 0]).double().sigmoid().numpy()
    assert np.array_equal(of_ais["aligned"], found[None])
    assert not np.array_equal(of_ais["baseline"], found[None])


def name_vectors(lake: Lake, scenario: Scenario, name: str) -> None:
    """Publish the items again, with their vectors under another name too."""
    for one in lake.days("items", scenario.name):
        partition = Partition("items", scenario.name, one)
        stored = lake.read(partition)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-0.parquet", stored.append_column(name, stored["vector"]))
            attempt.publish(partition, inputs={})


def known_from(scenario: Scenario, since: date | None) -> Scenario:
    """The scenario with vectors of a name that a module has a method of."""
    content = scenario.model_dump()
    content["source"]["items"]["vectors"] = {"keys": {"column": "v", "known_from": since}}
    content["ranker"]["dense_features"] = ["keys"]
    return Scenario.model_validate(content)


def test_other_items_make_later_rankers_stale(
    published: Callable[..., Lake], scenario: Scenario, log: Rows
) -> None:
    lake = published("lake")
    for one, log_digest in chain_digests(lake, scenario.name).items():
        partition = Partition("history", scenario.name, one)
        rows = lake.read(partition)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", rows)
            attempt.publish(partition, inputs={"log": log_digest})
    train(lake, scenario, since=day(2))
    assert first_stale_ranker(lake, scenario) is None
    other = {item: [-x for x in vector] for item, vector in vectors_of(log).items()}
    publish_items(lake, scenario, log, other, [day(3)])
    stale = first_stale_ranker(lake, scenario)
    assert stale is not None
    assert (stale.day, stale.why) == (day(4), "items of 2026-01-03 changed after it was trained")
    assert train(lake, scenario) == [day(3)]
    publish_items(lake, scenario, log, other, [day(1)])
    stale = first_stale_ranker(lake, scenario)
    assert stale is not None
    assert stale.why == "items of days before 2026-01-02 changed after it was made"
    assert train(lake, scenario) == [day(2), day(3)]


def test_an_item_without_a_vector_has_no_inputs_but_the_flag(
    published: Callable[..., Lake], scenario: Scenario, log: Rows
) -> None:
    some = {item: vector for item, vector in vectors_of(log).items() if item % 2}
    lake = published("lake", some)
    train(lake, scenario)
    ranker = read_checkpoint(lake, scenario, day(DAYS + 1))
    rows = read_day_rows(ranker, lake, scenario, day(DAYS + 1), (Fold.EVAL,))
    coverage = ranker.network.heads_of_vectors["vector"].scale.coverage
    assert 0.3 < coverage < 0.7
    has_none = rows.items.to_numpy() % 2 == 0
    assert has_none.any()
    inputs = rows.dense_inputs(slice(None))
    assert not inputs[has_none, :-1].any()
    np.testing.assert_allclose(inputs[:, -1], ~has_none - coverage, atol=1e-6)


@pytest.mark.slow
def test_tuning_reads_them_as_the_lineage_does(
    published: Callable[..., Lake], scenario: Scenario
) -> None:
    lake = published("lake")
    found = validated(lake, scenario, [day(number) for number in (1, 2, 3)])
    assert roc_auc_score(found.rows["label"], found.rows["logit"]) > 0.75


def test_vectors_that_cannot_be_used_are_refused(
    published: Callable[..., Lake], scenario: Scenario, log: Rows
) -> None:
    vectors = vectors_of(log)
    item = next(row["item_id"] for row in log if row["ts"].date() == day(3))
    lake = published("length", {**vectors, item: [1.0, 2.0, 3.0]})
    line = rf"vector of item {item} of 2026-01-03 has 3 numbers, that of others 2: .* run lis inges"
    with pytest.raises(InputError, match=line):
        train(lake, scenario)
    assert checkpoint_days(lake, scenario) == [day(1), day(2), day(3)]
    lake = published("nan", {**vectors, item: [1.0, np.nan]})
    with pytest.raises(InputError, match=f"item {item} contains a value that is not finite"):
        train(lake, scenario)
    partition = Partition("items", scenario.name, day(2))
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"item_id": pa.array([1], pa.int64())}))
        attempt.publish(partition, inputs={})
    with pytest.raises(InputError, match="2026-01-02 of tiny were ingested without vector: run li"):
        train(lake, scenario)
    lake.storage.remove(partition.path)
    with pytest.raises(InputError, match="has no items of 2026-01-02: run lis ingest"):
        train(lake, scenario)


def test_rankers_without_them_are_what_they_were(
    trained: Lake, with_options: Callable[..., Scenario]
) -> None:
    """The version is from before there were dense features."""
    without = with_options()
    assert ranker_version(without) == "dcn-81d9084951"
    assert ranker_version(reading(without)) != ranker_version(without)
    lake, without = trained, with_options(dense_rate=0.02, statistics=False)
    train(lake, without, 1)
    with lake.local_file(checkpoint_partition(without, day(2)), DESCRIPTION) as path:
        assert "dense_features" not in json.loads(path.read_text())["options"]
    manifest = lake.require(checkpoint_partition(without, day(2)), "")
    assert set(manifest.inputs) == {"parent", "impressions", "history", "ranker"}
