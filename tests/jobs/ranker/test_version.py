from collections.abc import Callable

import pytest

from jobs.lake import rankers
from jobs.ranker.version import ranker_version
from jobs.scenarios import FoldShares, Scenario


def test_is_short_and_stable(scenario: Scenario) -> None:
    copy = Scenario.model_validate_json(scenario.model_dump_json())
    assert ranker_version(copy) == ranker_version(scenario)
    kind, digits = ranker_version(scenario).split("-")
    assert kind == "dcn"
    assert len(digits) == 10


def test_changes_with_all_that_the_ranker_depends_on(
    scenario: Scenario,
    with_options: Callable[..., Scenario],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other_folds = FoldShares(lineage=0.6, fit=0.2, eval=0.2)
    versions = [
        ranker_version(scenario),
        ranker_version(with_options(seed=1)),
        ranker_version(scenario.model_copy(update={"context": ()})),
        ranker_version(scenario.model_copy(update={"folds": other_folds})),
    ]
    monkeypatch.setattr(rankers, "MODEL_REVISION", rankers.MODEL_REVISION + 1)
    versions.append(ranker_version(scenario))
    assert len(set(versions)) == len(versions)


def test_does_not_change_with_what_only_the_score_depends_on(scenario: Scenario) -> None:
    changed = scenario.model_copy(update={"horizons": (3,), "threshold": 0.002, "title": "x"})
    assert ranker_version(changed) == ranker_version(scenario)
