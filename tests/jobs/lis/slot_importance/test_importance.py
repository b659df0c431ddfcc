"""Importance of slots on small logs. The oracle mixes ids, scores chunks and asks scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_keys
from jobs.lis.slot_importance import importance
from jobs.lis.slot_importance.importance import slot_importances, stored_importances
from jobs.lis.slot_importance.permuted import PERMUTATIONS
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.initial_vectors import initial_vectors
from jobs.ranker.rows.read_day import Chunk, read_day
from jobs.ranker.scoring.score_day import score_rows
from jobs.reporting.importance_text import importance_table
from jobs.scenarios import Scenario
from jobs.stats.auc_difference import compare
from tests.jobs.ranker.conftest import FIRST, Row, make_scenario, publish, random_log

SCENARIO = make_scenario(dense_rate=0.02, embedding_rate=0.3, epochs=2)
DAYS = 4
AS_OF = FIRST + timedelta(days=DAYS - 1)
FIELDS = ("user_id", "item_id", "place")
Rule = Callable[[Row], int]


def trained(
    folder: Path,
    rule: Rule | None = None,
    days: int = DAYS,
    scenario: Scenario = SCENARIO,
    **changes: Any,
) -> tuple[Lake, list[Row]]:
    """A lake with a ranker for every day; labels follow a rule, or are random."""
    lake = Lake(str(folder / "lake"))
    log = random_log(days=days, rows=150, users=8, **changes)
    for row in log:
        row["label"] = rule(row) if rule else row["label"]
    publish(lake, scenario, log)
    extend_lineage(lake, scenario, FIRST + timedelta(days=days - 1), progress=False)
    return lake, log


def partition_of(as_of: date) -> Partition:
    return Partition("importances", SCENARIO.name, as_of, ranker_keys(SCENARIO))


def rewrite(lake: Lake, partition: Partition, change: Callable[[Row], object]) -> None:
    """Publish a partition again with every row changed and the same inputs."""
    stored, manifest = lake.read(partition), lake.manifest(partition)
    assert manifest is not None
    rows = stored.to_pylist()
    for row in rows:
        change(row)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, stored.schema))
        attempt.publish(partition, inputs=manifest.inputs, schema=stored.schema)


def files(lake: Lake) -> dict[str, tuple[bytes, int]]:
    root = Path(lake.storage.absolute("importances"))
    found = [path for path in root.rglob("*") if path.is_file()]
    return {str(f.relative_to(root)): (f.read_bytes(), f.stat().st_mtime_ns) for f in found}


def held_out(lake: Lake, day: date) -> Chunk:
    [chunk] = read_day(lake, SCENARIO, day, ["eval"])
    return chunk


def permuted(chunk: Chunk, field: str, seed: list[int]) -> Chunk:
    """The same rows and histories, with the ids of a field permuted."""
    column = chunk.impressions.schema.get_field_index(field)
    ids = chunk.impressions[field].to_pylist()
    order = np.random.default_rng(seed).permutation(len(chunk))
    schema = chunk.impressions.schema.field(column)
    permuted_ids = pa.array([ids[row] for row in order], schema.type)
    impressions = chunk.impressions.set_column(column, schema, permuted_ids)
    return replace(chunk, impressions=impressions)


def scores(lake: Lake, day: date, chunk: Chunk) -> NDArray[np.float64]:
    ranker = read_checkpoint(lake, SCENARIO, day)
    return score_rows(ranker, SCENARIO, [chunk], {}).scores["baseline"]


def permuted_scores(lake: Lake, day: date, field: str) -> list[NDArray[np.float64]]:
    """Scores of the held-out rows, one array per permutation."""
    chunk, index = held_out(lake, day), FIELDS.index(field)
    seeds = [[day.toordinal(), number, index] for number in range(PERMUTATIONS)]
    return [scores(lake, day, permuted(chunk, field, seed)) for seed in seeds]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose labels are noise. Tests change nothing in it but importances."""
    return trained(tmp_path_factory.mktemp("noise"))[0]


def test_importance_is_the_auc_lost_on_the_pairs_of_all_days(noise: Lake) -> None:
    found = {one.slot: one for one in slot_importances(noise, SCENARIO, AS_OF)}
    assert set(found) == set(FIELDS)
    days = [FIRST + timedelta(days=number) for number in range(1, DAYS)]
    chunks = [held_out(noise, day) for day in days]
    for field in FIELDS:
        lost, pairs = [], []
        for day, chunk in zip(days, chunks, strict=True):
            labels = chunk.impressions["label"].to_pylist()
            auc = roc_auc_score(labels, scores(noise, day, chunk))
            others = [roc_auc_score(labels, other) for other in permuted_scores(noise, day, field)]
            lost.append(auc - np.mean(others))
            pairs.append(sum(labels) * (len(labels) - sum(labels)))
        one = found[field]
        assert one.importance == pytest.approx(np.average(lost, weights=pairs), abs=1e-12)
        assert (one.first, one.last) == (days[0], days[-1])
        assert one.rows == sum(map(len, chunks))
        assert one.users == len({u for c in chunks for u in c.impressions["user_id"].to_pylist()})


def test_the_interval_is_clustered_by_user_and_covers_the_permutations(noise: Lake) -> None:
    as_of = FIRST + timedelta(days=1)
    chunk = held_out(noise, as_of)
    baseline = scores(noise, as_of, chunk)
    for one in slot_importances(noise, SCENARIO, as_of):
        expected = compare(
            chunk.impressions["label"].to_pylist(),
            permuted_scores(noise, as_of, one.slot),
            [baseline] * PERMUTATIONS,
            chunk.impressions["user_id"].to_pylist(),
            level=SCENARIO.confidence,
        )
        assert (one.se, one.ci_low, one.ci_high) == pytest.approx(
            (expected.se, expected.ci_low, expected.ci_high), abs=1e-12
        )
        assert expected.seed_sd > 0


@pytest.mark.parametrize("signal", ["user_id", "item_id"])
def test_the_slot_that_determines_the_click_comes_first(tmp_path: Path, signal: str) -> None:
    """Of a ranker without statistics: rates of a key tell all of this rule, and stay in place."""
    scenario = make_scenario(dense_rate=0.02, embedding_rate=0.3, epochs=2, statistics=False)
    lake, _ = trained(tmp_path, lambda row: int(row[signal] % 2), scenario=scenario)
    first, *others = slot_importances(lake, scenario, AS_OF)
    assert first.slot == signal
    assert first.ci_low > 0.1
    assert all(first.ci_low > other.ci_high for other in others)
    assert [one.importance for one in others] == sorted(
        (one.importance for one in others), reverse=True
    )


def test_a_slot_of_equal_vectors_has_importance_zero(tmp_path: Path) -> None:
    """No place occurs twice, so places of held-out rows are untrained: all vectors are zero."""
    lake = Lake(str(tmp_path / "lake"))
    log = random_log(days=2, rows=150)
    for row in log:
        row["place"] = f"place {row['impression_id']}"
    publish(lake, SCENARIO, log)
    extend_lineage(lake, SCENARIO, FIRST, progress=False)
    found = {one.slot: one for one in slot_importances(lake, SCENARIO, FIRST + timedelta(days=1))}
    place = found["place"]
    assert (place.importance, place.se, place.ci_low, place.ci_high) == (0.0, 0.0, 0.0, 0.0)
    assert found["item_id"].se > 0


def test_equal_importances_keep_the_order_of_the_fields(tmp_path: Path) -> None:
    """All ids of the second day are new, so every slot has zero vectors."""
    lake = Lake(str(tmp_path / "lake"))
    log = random_log(days=2, rows=150)
    for row in log[150:]:
        row["user_id"] += 1_000
        row["item_id"] += 1_000
        row["place"] = "new"
    publish(lake, SCENARIO, log)
    extend_lineage(lake, SCENARIO, FIRST, progress=False)
    found = slot_importances(lake, SCENARIO, FIRST + timedelta(days=1))
    assert [(one.slot, one.importance) for one in found] == [(field, 0.0) for field in FIELDS]


def test_only_the_days_of_the_window_count(tmp_path: Path) -> None:
    lake, log = trained(tmp_path, days=importance.IMPORTANCE_DAYS + 2)
    last = log[-1]["ts"].date()
    first = last - timedelta(days=importance.IMPORTANCE_DAYS - 1)
    rows = [row for row in log if row["fold"] == "eval" and first <= row["ts"].date() <= last]
    for one in slot_importances(lake, SCENARIO, last):
        assert (one.first, one.last, one.rows) == (first, last, len(rows))


def test_days_of_one_label_and_days_without_rows_are_ignored(tmp_path: Path) -> None:
    lake, log = trained(tmp_path)
    before = slot_importances(lake, SCENARIO, AS_OF - timedelta(days=1))
    rewrite(lake, Partition("impressions", SCENARIO.name, AS_OF), lambda row: row.update(label=1))
    # The ranker of the next day exists already, its rows do not.
    after = slot_importances(lake, SCENARIO, AS_OF + timedelta(days=1))
    assert after == before
    assert before[0].rows == sum(
        row["fold"] == "eval" and FIRST < row["ts"].date() < AS_OF for row in log
    )


def test_a_rerun_gives_the_same_bytes(noise: Lake) -> None:
    found = slot_importances(noise, SCENARIO, AS_OF)
    before = files(noise)
    noise.storage.remove("importances")
    assert slot_importances(noise, SCENARIO, AS_OF) == found
    after = files(noise)
    assert [path.rsplit("/", 1)[1][:9] for path in sorted(after)] == ["_manifest", "part-0000"]
    assert all(content == before[path][0] for path, (content, _) in after.items())


def test_stored_importances_are_read_back_until_an_input_changes(tmp_path: Path) -> None:
    lake, _ = trained(tmp_path)
    assert stored_importances(lake, SCENARIO, AS_OF) is None
    found = slot_importances(lake, SCENARIO, AS_OF)
    assert stored_importances(lake, SCENARIO, AS_OF) == found
    before = files(lake)
    assert slot_importances(lake, SCENARIO, AS_OF) == found
    assert files(lake) == before

    rewrite(lake, partition_of(AS_OF), lambda row: row.update(importance=0.5))
    rewritten = [replace(one, importance=0.5) for one in found]
    assert slot_importances(lake, SCENARIO, AS_OF) == rewritten
    assert stored_importances(lake, SCENARIO, AS_OF) == rewritten

    for number in range(1, DAYS):
        day = FIRST + timedelta(days=number)
        impressions = Partition("impressions", SCENARIO.name, day)
        rewrite(lake, impressions, lambda row: row.update(label=1 - row["label"]))
    flipped = slot_importances(lake, SCENARIO, AS_OF)
    expected = {one.slot: -one.importance for one in found}
    assert {one.slot: one.importance for one in flipped} == pytest.approx(expected, abs=1e-12)
    assert stored_importances(lake, SCENARIO, AS_OF) == flipped


@pytest.mark.parametrize("changed", ["history", "checkpoint", "confidence", "code"])
def test_importance_is_measured_again_from_other_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    lake, log = trained(tmp_path, days=3)
    as_of, scenario = FIRST + timedelta(days=2), SCENARIO
    found = slot_importances(lake, scenario, as_of)
    rewrite(lake, partition_of(as_of), lambda row: row.update(importance=0.5))
    if changed == "history":
        history = Partition("history", SCENARIO.name, as_of)
        rewrite(lake, history, lambda row: row.update(lineage_items=[]))
    elif changed == "checkpoint":
        for row in log:
            row["label"] = 1 - row["label"] if row["ts"].date() == FIRST else row["label"]
        publish(lake, SCENARIO, log)
        extend_lineage(lake, SCENARIO, as_of, progress=False)
    elif changed == "confidence":
        scenario = SCENARIO.model_copy(update={"confidence": 0.8})
    else:
        monkeypatch.setattr(importance, "code_digest", lambda *_: "edited")
    again = slot_importances(lake, scenario, as_of)
    assert all(one.importance != 0.5 for one in again)
    if changed == "confidence":
        assert all(one.ci_low > old.ci_low for one, old in zip(again, found, strict=True))
    elif changed == "code":
        assert again == found
    else:
        assert again != found


@pytest.mark.parametrize("as_of", [FIRST - timedelta(days=9), FIRST])
def test_a_day_without_a_trained_ranker_is_rejected(noise: Lake, as_of: date) -> None:
    with pytest.raises(InputError) as rejected:
        slot_importances(noise, SCENARIO, as_of)
    message = str(rejected.value)
    assert "\n" not in message
    first = as_of - timedelta(days=importance.IMPORTANCE_DAYS - 1)
    assert f"scenario tiny: no day from {first} to {as_of} has a trained ranker" in message
    assert "choose another day, or ingest more rows" in message
    assert stored_importances(noise, SCENARIO, as_of) is None


def test_days_of_a_single_label_are_rejected(tmp_path: Path) -> None:
    lake, _ = trained(tmp_path, lambda row: int(row["fold"] != "eval" and row["item_id"] % 2))
    with pytest.raises(InputError, match="held-out rows of both labels"):
        slot_importances(lake, SCENARIO, AS_OF)
    assert files(lake) == {}


def test_days_without_a_history_are_rejected(tmp_path: Path) -> None:
    lake, _ = trained(tmp_path, days=2)
    as_of = FIRST + timedelta(days=1)
    lake.storage.remove(Partition("history", SCENARIO.name, as_of).path)
    with pytest.raises(InputError, match=f"no history of {as_of}: run lis ingest"):
        slot_importances(lake, SCENARIO, as_of)


def test_ids_may_be_strings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_text(ids: pa.Array, field: str, seed: int, dim: int) -> NDArray[np.float32]:
        return initial_vectors(ids.cast(pa.string()), field, seed, dim)

    # A number and its text start from different vectors.
    monkeypatch.setattr("jobs.ranker.model.ranker.initial_vectors", by_text)
    source = SCENARIO.source.model_copy(update={"ids": "string"})
    scenario: Scenario = SCENARIO.model_copy(update={"source": source})
    lake = Lake(str(tmp_path / "lake"))
    log = random_log(days=2, rows=150)
    as_numbers = [dict(row) for row in log]
    for row in log:
        row |= {name: str(row[name]) for name in ("impression_id", "user_id", "item_id")}
    as_of = FIRST + timedelta(days=1)
    publish(lake, scenario, log)
    extend_lineage(lake, scenario, FIRST, progress=False)
    other = Lake(str(tmp_path / "other"))
    publish(other, SCENARIO, as_numbers)
    extend_lineage(other, SCENARIO, FIRST, progress=False)
    found, expected = (
        [asdict(one) for one in slot_importances(*of, as_of)]
        for of in ((lake, scenario), (other, SCENARIO))
    )
    assert [one["slot"] for one in found] == [one["slot"] for one in expected]
    for one, numbered in zip(found, expected, strict=True):
        assert one["importance"] == pytest.approx(numbered["importance"], abs=1e-9)


def test_the_table_is_aligned_ascii_and_names_the_most_important() -> None:
    days = {"first": date(2026, 1, 26), "last": date(2026, 2, 1)}
    importances = [
        SlotImportance("user_id", 0.031, 0.001, 0.029, 0.033, 12_000, 900, **days),
        SlotImportance("item_id", -0.0004, 0.001, -0.0024, 0.0016, 12_000, 900, **days),
    ]
    text = importance_table(importances)
    lines = text.splitlines()
    assert text.isascii()
    assert lines[0].split() == ["slot", "AUC", "lost", "interval", "rows", "users"]
    end = lines[0].index("AUC lost") + len("AUC lost")
    assert lines[2][:end].split() == ["user_id", "+0.0310"]
    assert lines[3][:end].split() == ["item_id", "-0.0004"]
    assert "-0.0024 to +0.0016" in lines[3]
    assert lines[2].endswith("12,000    900")
    assert lines[-1] == "most important: user_id (held-out rows, 2026-01-26 to 2026-02-01)"
    assert importance_table(importances[:0]) == "no importances"
