"""AUC Improvement Scores, from published vectors to results, on the small feed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.ais import fitted_heads
from jobs.ais.ais_result import AisResult, read_ais
from jobs.ais.ais_scoring import PREFERENCE_DATA
from jobs.ais.aligned_features import AlignedVectors
from jobs.ais.heads import CODES, LEVELS, TIERS
from jobs.ais.score_ais import score_ais
from jobs.ais.terms import HeadName
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.predictions import predictions_partition
from jobs.evaluation.scored_day import (
    ALIGNED,
    BASELINE,
    KNOWN,
    LEAKED,
    PLACEBO,
    SHUFFLED,
    UNALIGNED,
)
from jobs.freshness.stale_improvements import stale_improvements
from jobs.lake import Lake
from jobs.lake.addresses import (
    encoder_version,
    feature_partition,
)
from jobs.lis.fit_features import RollingDays
from jobs.lis.retrain import Retrain
from jobs.preference import preference_kind
from jobs.preference.leak import Leak
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.scoring.frozen_forward import frozen_rows
from jobs.ranker.towers.row_features import RowFeature
from jobs.ranker.training.current_rankers import StaleRanker
from jobs.scenarios import Fold, Mode
from jobs.snapshots.export import build_snapshots
from jobs.stages.assemble import assemble_features
from jobs.stages.request import DueScores, ScoreRequest, requested_kinds
from tests.jobs.ais.stored_encoder import RECALL, StoredEncoder
from tests.jobs.feed import EMPTY_DAY, FEED_DAYS, feed_scenario
from tests.jobs.lis.stored import flip, rewrite, state, without_seconds

pytestmark = pytest.mark.usefixtures("spark")

ALIGNED_AT, AS_OFS = FEED_DAYS[2], (FEED_DAYS[4], FEED_DAYS[6])
KIND = "content_vector"
"""Its table is the same on all days, so that an encoder can say exactly what is leaked."""
CURATED = [0, 1, 2, 5]
"""The items that the encoder was aligned on."""
RANKER = {"embedding_dim": 4, "hidden_units": [8], "history_length": 3, "batch_size": 16}
SCENARIO = feed_scenario(
    ranker={**RANKER, "precision": "fp32"},
    fit={"days": 4},
    retrain={"seeds": 2, "epochs": 10, "batch_size": 16, "rate": 0.05},
)
MODE = Retrain(SCENARIO.retrain)
ENCODER = StoredEncoder(SCENARIO, KIND, ALIGNED_AT, CURATED, FEED_DAYS[-1])


@pytest.fixture(scope="module")
def aligned_once(feed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed with rankers and tables, and an encoder whose vectors are the leaked table."""
    folder = tmp_path_factory.mktemp("ais") / "lake"
    shutil.copytree(feed_once, folder)
    lake = Lake(str(folder))
    for day in FEED_DAYS:
        if day != EMPTY_DAY:
            rewrite(lake, SCENARIO.name, "impressions", day, content_decides)
    extend_lineage(lake, SCENARIO, FEED_DAYS[-1], progress=False)
    build_snapshots(lake, SCENARIO, FEED_DAYS[-1])
    kinds = requested_kinds(SCENARIO, [KIND], [Mode.RETRAIN])
    due = DueScores(DayRange(AS_OFS[0], AS_OFS[-1]), (2,))
    assemble_features(lake, ScoreRequest(SCENARIO, due, kinds))
    ENCODER.publish(lake, leaked_vectors(lake))
    return folder


def content_decides(rows: list[dict[str, Any]]) -> None:
    """Let an item's category be the label of all rows but those that rankers train on.

    Of these, some become rows that towers are fitted to.
    """
    for row in rows:
        if row["fold"] == Fold.LINEAGE and row["impression_id"] % 3:
            row["fold"] = Fold.FIT.value
        if row["fold"] != Fold.LINEAGE:
            row["label"] = row["item_id"] % 2


@pytest.fixture
def lake(aligned_once: Path, tmp_path: Path) -> Lake:
    shutil.copytree(aligned_once, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def leaked_vectors(lake: Lake) -> dict[int, list[float]]:
    """The vector of every item in the tables of any day."""
    found: dict[int, list[float]] = {}
    for day in FEED_DAYS:
        partition = feature_partition(SCENARIO, KIND, day, 2)
        if lake.is_published(partition):
            table = lake.read(partition)
            found |= dict(
                zip(table["item_id"].to_pylist(), table["embedding"].to_pylist(), strict=True)
            )
    return found


def score(
    lake: Lake, head: HeadName = HeadName.RAW, days: Sequence[date] = AS_OFS
) -> list[AisResult]:
    kind = preference_kind(KIND, SCENARIO)
    return score_ais(lake, SCENARIO, MODE, [kind], days, [2], ALIGNED_AT, head)


def scores_of(lake: Lake, day: date, variant: str, way: str = "retrain") -> list[Any]:
    name = f"ais-{KIND}-{encoder_version(SCENARIO)}-{ALIGNED_AT}-{way}-2-{variant}"
    found: list[Any] = lake.read(predictions_partition(SCENARIO, day, name))[
        "seed_scores"
    ].to_pylist()
    return found


def test_an_encoder_that_says_what_is_leaked_realises_the_bound(lake: Lake) -> None:
    results = score(lake)
    assert [one.as_of for one in results] == [
        *(day.isoformat() for day in AS_OFS),
        f"{AS_OFS[0]}:{AS_OFS[1]}",
    ]
    for day in AS_OFS:
        leaked = scores_of(lake, day, LEAKED)
        assert scores_of(lake, day, ALIGNED) == leaked == scores_of(lake, day, KNOWN)
        assert scores_of(lake, day, UNALIGNED) == leaked
    assert results[-1].lis > 0
    for one in results:
        assert one.ais == one.lis
        assert one.alignment_gain == one.unrealised == 0
        assert one.recall == RECALL
        assert one.encoder == encoder_version(SCENARIO)
    assert without_seconds(read_ais(lake, SCENARIO.name)) == without_seconds(results)


def test_shuffled_vectors_are_those_of_other_items(lake: Lake) -> None:
    leak = Leak(KIND, 2)
    ranker = read_checkpoint(lake, SCENARIO, AS_OFS[0])
    rows = read_day_rows(ranker, lake, SCENARIO, AS_OFS[0], (Fold.EVAL, Fold.LINEAGE))
    source = AlignedVectors(lake, SCENARIO, [preference_kind(KIND, SCENARIO)], ALIGNED_AT)
    logits = frozen_rows(ranker, rows).logits.cpu().numpy()[:, None]
    features = source.features(ranker, rows, AS_OFS[0], [leak], logits)[leak]
    assert tuple(features) == source.variants
    aligned, shuffled = features[ALIGNED], features[SHUFFLED]
    assert (aligned.columns == features[LEAKED].columns).all()
    both = aligned.covered & shuffled.covered
    assert both.any()
    assert (aligned.columns[both] != shuffled.columns[both]).any(axis=1).all()


def test_results_are_on_items_by_whether_they_trained_the_encoder(lake: Lake) -> None:
    pooled = score(lake)[-1]
    parts = {one.value: one.rows for one in pooled.slices if one.name == PREFERENCE_DATA}
    assert set(parts) == {"trained on", "validated on", "not in it"}
    assert sum(parts.values()) == pooled.rows


def test_a_table_of_leaked_items_alone_gives_nothing_where_it_has_no_item(lake: Lake) -> None:
    """Without an encoder, an item that is not in the table has no vector."""
    few = {item: vector for item, vector in leaked_vectors(lake).items() if item < 3}
    ENCODER.publish(lake, few, leaked_vectors(lake))
    score(lake)
    for day in AS_OFS:
        name = predictions_partition(
            SCENARIO,
            day,
            f"ais-{KIND}-{encoder_version(SCENARIO)}-{ALIGNED_AT}-retrain-2-{ALIGNED}",
        )
        table = lake.read(name)
        assert table["covered"].to_pylist() == [
            item in few for item in table["item_id"].to_pylist()
        ]


def test_labels_of_held_out_rows_change_no_score(lake: Lake) -> None:
    score(lake)
    before = {name: scores_of(lake, AS_OFS[0], name) for name in (BASELINE, ALIGNED, SHUFFLED)}
    for day in FEED_DAYS:
        if day != EMPTY_DAY:
            rewrite(lake, SCENARIO.name, "impressions", day, flip(Fold.EVAL))
    score(lake)
    for name, scores in before.items():
        assert scores_of(lake, AS_OFS[0], name) == scores


def test_rows_before_the_alignment_are_not_fitted_to(lake: Lake) -> None:
    source = AlignedVectors(lake, SCENARIO, [preference_kind(KIND, SCENARIO)], ALIGNED_AT)
    window = RollingDays(lake, SCENARIO, source, [], ALIGNED_AT)
    assert window.days(AS_OFS[1]) == FEED_DAYS[2:6]
    assert window.days(AS_OFS[0]) == FEED_DAYS[2:4]
    score(lake)
    before = scores_of(lake, AS_OFS[1], ALIGNED)
    rewrite(lake, SCENARIO.name, "impressions", FEED_DAYS[1], flip(Fold.FIT))
    score(lake)
    assert scores_of(lake, AS_OFS[1], ALIGNED) == before


def test_a_second_run_changes_no_byte(lake: Lake) -> None:
    first = score(lake)
    stored = state(lake, "ais", "predictions")
    assert without_seconds(score(lake)) == without_seconds(first)
    assert state(lake, "ais", "predictions") == stored


def stale_days(lake: Lake) -> dict[str, str]:
    """Why results are stale, by their days."""
    stale = stale_improvements(lake, SCENARIO, read_ais(lake, SCENARIO.name), None)
    assert {(one.preference, one.mode, one.horizon) for one in stale} <= {(KIND, "retrain", 2)}
    return {one.as_of: one.why for one in stale}


def test_results_are_stale_where_their_encoder_has_changed(lake: Lake) -> None:
    score(lake, days=FEED_DAYS[5:7])
    assert stale_days(lake) == {}
    vectors = leaked_vectors(lake)
    ENCODER.publish(lake, {item: vector[::-1] for item, vector in vectors.items()})
    of_day = "its encoder or the leaked data has changed"
    pooled = "its encoder or the leaked data of one of its days has changed"
    first, last = (day.isoformat() for day in FEED_DAYS[5:7])
    assert stale_days(lake) == {first: of_day, last: of_day, f"{first}:{last}": pooled}
    score(lake, days=FEED_DAYS[5:7])
    assert stale_days(lake) == {}


def test_results_are_stale_where_rows_of_their_days_have_changed(lake: Lake) -> None:
    score(lake, days=FEED_DAYS[5:7])
    first, last = (day.isoformat() for day in FEED_DAYS[5:7])
    rewrite(lake, SCENARIO.name, "impressions", FEED_DAYS[6], flip(Fold.EVAL))
    both = f"{first}:{last}"
    rows = "the rows or the ranker of {} have changed"
    assert stale_days(lake) == {last: rows.format(last), both: rows.format(both)}
    ranker = StaleRanker(FEED_DAYS[5], "rows came late")
    stale = stale_improvements(lake, SCENARIO, read_ais(lake, SCENARIO.name), ranker)
    assert {one.why for one in stale} == {f"the ranker of {first} is stale: rows came late"}
    assert len(stale) == 3


@pytest.mark.parametrize("head", [HeadName.SIMILARITY, HeadName.CODES])
def test_each_head_has_a_result_of_its_own_that_is_read_back(lake: Lake, head: HeadName) -> None:
    raw = score(lake)
    stored = state(lake, "ais", "predictions")
    found = score(lake, head)
    assert {one.head for one in found} == {head.value}
    heads = [one.head for one in read_ais(lake, SCENARIO.name)]
    assert heads.count(head) == heads.count(HeadName.RAW) == len(found) == len(raw)
    now = state(lake, "ais", "predictions")
    assert {path: now[path] for path in stored} == stored
    for variant in (BASELINE, LEAKED, KNOWN, PLACEBO, ALIGNED, UNALIGNED, SHUFFLED):
        assert len(scores_of(lake, AS_OFS[0], variant, f"retrain-{head}")) > 0
    assert without_seconds(score(lake, head)) == without_seconds(found)
    assert state(lake, "ais", "predictions") == now


def features_of(lake: Lake, day: date, source: AlignedVectors) -> dict[str, RowFeature]:
    leak = Leak(KIND, 2)
    ranker = read_checkpoint(lake, SCENARIO, day)
    rows = read_day_rows(ranker, lake, SCENARIO, day, (Fold.EVAL, Fold.LINEAGE))
    row_logits = frozen_rows(ranker, rows).logits.cpu().numpy()[:, None]
    return source.features(ranker, rows, day, [leak], row_logits)[leak]


@pytest.mark.parametrize(
    ("head", "width"),
    [(HeadName.SIMILARITY, TIERS + 3), (HeadName.CODES, 1 + LEVELS * (1 + CODES))],
)
def test_all_vectors_of_a_result_are_read_by_its_head(
    lake: Lake, head: HeadName, width: int
) -> None:
    kinds = [preference_kind(KIND, SCENARIO)]
    found = features_of(lake, AS_OFS[1], AlignedVectors(lake, SCENARIO, kinds, ALIGNED_AT, head))
    assert {one.columns.shape[1] for one in found.values()} == {width}
    # The encoder says what is leaked, and its codes are fitted to the same vectors.
    for variant in (ALIGNED, UNALIGNED, KNOWN):
        assert (found[variant].columns == found[LEAKED].columns).all()
    assert (found[SHUFFLED].columns != found[ALIGNED].columns).any()
    assert found[ALIGNED].columns[:, 1:].any()


def test_codes_are_fitted_to_the_items_of_the_alignment_whatever_day_comes_first(
    lake: Lake,
) -> None:
    kinds = [preference_kind(KIND, SCENARIO)]
    alone, after = (
        AlignedVectors(lake, SCENARIO, kinds, ALIGNED_AT, HeadName.CODES) for _ in range(2)
    )
    features_of(lake, AS_OFS[0], after)
    expected = features_of(lake, AS_OFS[1], alone)
    for variant, found in features_of(lake, AS_OFS[1], after).items():
        assert found.columns.tobytes() == expected[variant].columns.tobytes()
    # Four items have at most four codes.
    codes = expected[ALIGNED].columns[:, 1 + LEVELS :][:, :CODES]
    assert 1 < codes.any(axis=0).sum() <= len(CURATED)


def test_an_edited_head_is_scored_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    score(lake, HeadName.SIMILARITY)
    stored = state(lake, "predictions")
    monkeypatch.setattr(fitted_heads, "code_digest", lambda *_: "edited")
    score(lake, HeadName.SIMILARITY)
    assert state(lake, "predictions") != stored


def test_days_that_rankers_are_fitted_to_begin_with_the_alignment(lake: Lake) -> None:
    assert [one.fit_days for one in score(lake)] == [2, 4, 2]


def test_what_is_missing_is_named_with_the_way_out(lake: Lake) -> None:
    kind = preference_kind("id_embedding", SCENARIO)
    with pytest.raises(InputError, match=r"run lis align .*--preference id_embedding"):
        score_ais(lake, SCENARIO, MODE, [kind], AS_OFS, [2], ALIGNED_AT)
    with pytest.raises(InputError, match="no ranker lies between"):
        score_ais(
            lake, SCENARIO, MODE, [preference_kind(KIND, SCENARIO)], (ALIGNED_AT,), [2], ALIGNED_AT
        )
