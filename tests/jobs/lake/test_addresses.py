import pytest

from jobs.lake import addresses
from jobs.lake.addresses import ranker_version
from jobs.scenarios import FoldShares, RankerOptions, Scenario, SimulatedSource

SCENARIO = Scenario(name="tiny", source=SimulatedSource(), context=("hour",))


def test_a_ranker_version_is_short_and_stable() -> None:
    copy = Scenario.model_validate_json(SCENARIO.model_dump_json())
    assert ranker_version(copy) == ranker_version(SCENARIO)
    network, digits = ranker_version(SCENARIO).split("-")
    assert network == "dcn"
    assert len(digits) == 10


def test_a_ranker_version_changes_with_everything_the_ranker_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other_folds = FoldShares(lineage=0.6, fit=0.2, eval=0.2)
    versions = [
        ranker_version(SCENARIO),
        ranker_version(SCENARIO.model_copy(update={"ranker": RankerOptions(seed=1)})),
        ranker_version(SCENARIO.model_copy(update={"context": ()})),
        ranker_version(SCENARIO.model_copy(update={"folds": other_folds})),
    ]
    monkeypatch.setattr(addresses, "MODEL_REVISION", addresses.MODEL_REVISION + 1)
    versions.append(ranker_version(SCENARIO))
    assert len(set(versions)) == len(versions)


def test_a_ranker_version_does_not_change_with_options_of_the_evaluation() -> None:
    changed = SCENARIO.model_copy(update={"horizons": (3,), "threshold": 0.002, "title": "x"})
    assert ranker_version(changed) == ranker_version(SCENARIO)
