"""AUC Improvement Scores by lineages, from published vectors to results."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from jobs.ais.ais_result import AisResult, read_ais
from jobs.ais.diagnosis import Diagnosis
from jobs.ais.lineages import lineage_scorer
from jobs.ais.score_ais import score_lineage_ais
from jobs.ais.without_bound import NO_BOUND, without_bound
from jobs.common import code_digest
from jobs.common.errors import InputError
from jobs.common.paths import PROJECT
from jobs.evaluation.predictions import predictions_partition
from jobs.evaluation.scored_day import ALIGNED, BASELINE, SHUFFLED, UNALIGNED
from jobs.evaluation.verdict.decision import Verdict
from jobs.freshness.stale_improvements import stale_improvements
from jobs.lake import Lake
from jobs.lake.addresses import encoder_version
from jobs.preference import preference_kind
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.scoring.frozen_forward import frozen_rows
from jobs.scenarios import Fold, Scenario
from jobs.stages.alignment.ais import AisOptions, parse_ais_modes, parse_heads
from jobs.stages.request import parse_mode
from jobs.stats.estimate import Estimate
from tests.jobs.ais.sample_improvements import make_improvement
from tests.jobs.ais.stored_encoder import StoredEncoder
from tests.jobs.lis.stored import flip, rewrite, state, without_seconds
from tests.jobs.ranker.model.test_custom_network import CUSTOM

pytestmark = pytest.mark.usefixtures("one_thread")

KIND = "id_embedding"
AS_OFS = (date(2026, 1, 4), date(2026, 1, 5))
ALIGNED_AT = date(2026, 1, 2)
ITEMS = range(100, 130)
VARIANTS = (BASELINE, ALIGNED, UNALIGNED, SHUFFLED)


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    made = make_scenario()
    return made.model_copy(update={"retrain": made.retrain.model_copy(update={"seeds": 1})})


@pytest.fixture
def lake(trained: Lake, scenario: Scenario) -> Lake:
    publish(trained, scenario)
    return trained


def publish(lake: Lake, scenario: Scenario) -> None:
    generator = np.random.default_rng(0)
    aligned, unaligned = (
        dict(zip(ITEMS, generator.normal(size=(len(ITEMS), 3)).tolist(), strict=True))
        for _ in range(2)
    )
    encoder = StoredEncoder(scenario, KIND, ALIGNED_AT, [100, 101, 102, 103, 104, 105], AS_OFS[-1])
    encoder.publish(lake, aligned, unaligned)


def score(lake: Lake, scenario: Scenario, days: Sequence[date] = AS_OFS) -> list[AisResult]:
    kinds = [preference_kind(KIND, scenario)]
    return score_lineage_ais(lake, scenario, kinds, days, ALIGNED_AT)


def scores_of(lake: Lake, scenario: Scenario, day: date, variant: str) -> np.ndarray:
    name = f"ais-{KIND}-{encoder_version(scenario)}-{ALIGNED_AT}-lineage-{variant}"
    table = lake.read(predictions_partition(scenario, day, name))
    return np.array(table["seed_scores"].to_pylist())


def test_a_killed_run_goes_on_and_its_results_have_no_bound(
    lake: Lake, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[date] = []
    train = lineage_scorer.score_lineages

    def stopped(*arguments: object) -> object:
        day = arguments[3]
        assert isinstance(day, date)
        trained.append(day)
        if trained == list(AS_OFS):
            raise KeyboardInterrupt
        return train(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lineage_scorer, "score_lineages", stopped)
    with pytest.raises(KeyboardInterrupt):
        score(lake, scenario)
    first = state(lake, "predictions")
    results = score(lake, scenario)
    assert trained == [*AS_OFS, AS_OFS[1]]
    stored = state(lake, "predictions", "ais")
    assert {path: stored[path] for path in first} == first
    assert without_seconds(score(lake, scenario)) == without_seconds(results)
    assert state(lake, "predictions", "ais") == stored
    assert len(trained) == 3
    assert without_seconds(read_ais(lake, scenario.name)) == without_seconds(results)
    assert [(one.as_of, one.fit_days) for one in results] == [
        ("2026-01-04", 2),
        ("2026-01-05", 3),
        ("2026-01-04:2026-01-05", 2),
    ]
    for one in results:
        assert (one.mode, one.head, one.horizon) == ("lineage", "raw", 0)
        assert (one.figures["lis"], one.diagnosis) == (Estimate(), Diagnosis.WITHHELD)
        assert one.rows > 0


def test_a_result_is_stale_where_a_day_that_lineages_are_trained_on_has_changed(
    lake: Lake, scenario: Scenario
) -> None:
    score(lake, scenario, AS_OFS[1:])
    results = read_ais(lake, scenario.name)
    assert stale_improvements(lake, scenario, results, None) == []
    rewrite(lake, scenario.name, "impressions", ALIGNED_AT, flip(Fold.LINEAGE))
    (stale,) = stale_improvements(lake, scenario, results, None)
    assert stale.is_of(results[0])
    assert stale.why == "its encoder or a day that its lineages are trained on has changed"


def test_the_lineage_without_vectors_is_the_ranker(
    lake: Lake, scenario: Scenario, tmp_path: Path
) -> None:
    """With a custom network too, which has dropout and batch normalisation."""
    (tmp_path / "custom_network.py").write_text(CUSTOM)
    network = {"network": f"{tmp_path / 'custom_network.py'}:Tower"}
    custom = scenario.model_copy(update={"ranker": scenario.ranker.model_copy(update=network)})
    day = AS_OFS[0]
    extend_lineage(lake, custom, day - timedelta(days=1), progress=False)
    publish(lake, custom)
    score(lake, custom, [day])
    ranker = read_checkpoint(lake, custom, day)
    rows = read_day_rows(ranker, lake, custom, day, (Fold.EVAL, Fold.LINEAGE))
    own = frozen_rows(ranker, rows).logits.double().sigmoid().cpu().numpy()
    assert np.array_equal(scores_of(lake, custom, day, BASELINE)[:, 0], own)
    found = [scores_of(lake, custom, day, name).tobytes() for name in VARIANTS]
    assert len(set(found)) == len(VARIANTS)


def test_lineages_are_trained_anew_when_their_code_is_edited_and_not_for_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PROJECT / "jobs", tmp_path / "jobs", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(code_digest, "PROJECT", tmp_path)
    digests = []
    for edited in (
        "evaluation/declared/alignment",
        "ais/lineages/lineage_vectors",
        "ais/lineages/train_lineages",
    ):
        code_digest.code_digest.cache_clear()
        digests.append(code_digest.code_digest(*lineage_scorer.CODE))
        with (tmp_path / "jobs" / f"{edited}.py").open("a") as file:
            file.write("\nEDITED = True\n")
        code_digest.code_digest.cache_clear()
        digests.append(code_digest.code_digest(*lineage_scorer.CODE))
    code_digest.code_digest.cache_clear()
    assert [one != other for one, other in itertools.pairwise(digests)] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_options_choose_modes_and_heads(scenario: Scenario) -> None:
    assert AisOptions().modes(scenario) == ("probe",)
    both = parse_ais_modes("probe, lineage, probe")
    assert AisOptions(mode=both, head=parse_heads("codes")).modes(scenario) == ("probe", "lineage")
    with pytest.raises(InputError, match="have no --head: leave it out, or add --mode probe"):
        AisOptions(mode=parse_ais_modes("lineage"), head=parse_heads("raw")).modes(scenario)
    with pytest.raises(InputError, match="an AIS has no mode 'swap': available: probe, retrain"):
        parse_ais_modes("swap")


def test_without_a_bound_there_is_no_verdict() -> None:
    measured = make_improvement(verdict=Verdict.WORTH_ALIGNING.value)
    found = without_bound(measured)
    assert (found.verdict, found.verdict_reason) == ("inconclusive", NO_BOUND)
    for name in ("lis", "placebo", "auc_leaked", "verdict_p_value", "realised", "unrealised"):
        assert getattr(found, name) != getattr(found, name)
    for name in ("ais", "alignment_gain", "unaligned_content", "ais_placebo", "users"):
        assert found.figures[name] == measured.figures[name]
    assert "not which rows trained the lineages" in found.note
    # What the ranker itself lacks still withholds the verdict.
    weak = without_bound(replace(measured, verdict="weak ranker", verdict_reason="it counts"))
    assert (weak.verdict, weak.verdict_reason) == ("weak ranker", "it counts")


def test_what_has_no_lineage_is_refused_in_one_line(lake: Lake, scenario: Scenario) -> None:
    imported = scenario.model_validate(
        {**scenario.model_dump(), "snapshots": {"path": "vectors/{ds}.parquet"}}
    )
    with pytest.raises(InputError, match="tiny imports its item vectors"):
        score(lake, imported)
    with pytest.raises(InputError, match=r"mode lineage leaks nothing.* lis ais --mode lineage"):
        parse_mode("lineage")
    kinds = [preference_kind("co_click_embedding", scenario)]
    with pytest.raises(InputError, match=r"run lis align .*--preference co_click_embedding"):
        score_lineage_ais(lake, scenario, kinds, AS_OFS, ALIGNED_AT)
