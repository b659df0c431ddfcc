import pytest

from jobs.lake import addresses as rankers
from jobs.lake.addresses import ranker_version
from jobs.scenarios import FoldShares, RankerOptions, Scenario, SimulatedSource

SCENARIO = Scenario(name="tiny", source=SimulatedSource(), context=("hour",))


def test_is_short_and_stable() -> None:
    copy = Scenario.model_validate_json(SCENARIO.model_dump_json())
    assert ranker_version(copy) == ranker_version(SCENARIO)
    kind, digits = ranker_version(SCENARIO).split("-")
    assert kind == "dcn"
    assert len(digits) == 10


def test_changes_with_all_that_the_ranker_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    other_folds = FoldShares(lineage=0.6, fit=0.2, eval=0.2)
    versions = [
        ranker_version(SCENARIO),
        ranker_version(SCENARIO.model_copy(update={"ranker": RankerOptions(seed=1)})),
        ranker_version(SCENARIO.model_copy(update={"context": ()})),
        ranker_version(SCENARIO.model_copy(update={"folds": other_folds})),
    ]
    monkeypatch.setattr(rankers, "MODEL_REVISION", rankers.MODEL_REVISION + 1)
    versions.append(ranker_version(SCENARIO))
    assert len(set(versions)) == len(versions)


def test_does_not_change_with_what_only_the_score_depends_on() -> None:
    changed = SCENARIO.model_copy(update={"horizons": (3,), "threshold": 0.002, "title": "x"})
    assert ranker_version(changed) == ranker_version(SCENARIO)
