from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.folds import HASH_RANGE, fold_bounds, fold_of, pin_folds
from jobs.scenarios import Fold, FoldShares, Scenario, SimulatedSource


def scenario(name: str = "tiny", title: str = "", **shares: float) -> Scenario:
    folds = FoldShares.model_validate(shares)
    return Scenario(name=name, title=title, source=SimulatedSource(), folds=folds)


SHARES = st.tuples(st.floats(0.01, 0.98), st.floats(0, 1)).map(
    lambda cut: {
        "lineage": cut[0],
        "fit": (1 - cut[0]) * 0.9 * cut[1],
        "eval": 1 - cut[0] - (1 - cut[0]) * 0.9 * cut[1],
    }
)


def test_folds_have_their_shares() -> None:
    ids = 100_000
    counts = Counter(fold_of(scenario(), number) for number in range(ids))
    for fold, share in {Fold.LINEAGE: 0.8, Fold.FIT: 0.1, Fold.EVAL: 0.1}.items():
        four_sigma = 4 * (share * (1 - share) / ids) ** 0.5
        assert counts[fold] / ids == pytest.approx(share, abs=four_sigma)


@pytest.mark.parametrize(
    ("name", "impression_id", "fold"),
    [
        ("tiny", 0, Fold.EVAL),
        ("tiny", 1, Fold.FIT),
        ("tiny", 2, Fold.LINEAGE),
        ("tiny", "a-1", Fold.LINEAGE),
        ("movietweetings", 7, Fold.EVAL),
        ("tiny", "ü", Fold.FIT),
    ],
)
def test_folds_never_change(name: str, impression_id: str | int, fold: Fold) -> None:
    assert fold_of(scenario(name), impression_id) == fold


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=20)), st.text(max_size=5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_fold_depends_only_on_scenario_name_and_id(impression_id: str | int, title: str) -> None:
    fold = fold_of(scenario(), impression_id)
    assert fold in Fold
    assert fold_of(scenario(title=title), str(impression_id)) == fold


def test_folds_of_scenarios_are_independent() -> None:
    ids = range(2_000)
    eval_in_both = [
        number
        for number in ids
        if fold_of(scenario("one"), number) == fold_of(scenario("two"), number) == Fold.EVAL
    ]
    assert 0 < len(eval_in_both) < 60


@given(SHARES)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_bounds_cover_the_hash_range(shares: dict[str, float]) -> None:
    first, second = fold_bounds(FoldShares.model_validate(shares))
    assert 0 < first <= second < HASH_RANGE
    assert first / HASH_RANGE == pytest.approx(shares["lineage"], abs=1e-9)
    assert (HASH_RANGE - second) / HASH_RANGE == pytest.approx(shares["eval"], abs=1e-8)


def test_bounds_of_the_default_shares() -> None:
    assert fold_bounds(FoldShares()) == (3435973837, 3865470566)


def test_without_a_fit_share_no_row_is_fit() -> None:
    config = scenario(lineage=0.5, fit=0, eval=0.5)
    assert {fold_of(config, number) for number in range(500)} == {Fold.LINEAGE, Fold.EVAL}


def test_stored_shares_are_kept_and_others_refused(lake: Lake) -> None:
    pin_folds(lake, scenario())
    pin_folds(lake, scenario(title="another title"))
    pin_folds(lake, scenario("other", lineage=0.5, fit=0.25, eval=0.25))
    with pytest.raises(InputError, match="never change") as caught:
        pin_folds(lake, scenario(lineage=0.5, fit=0.25, eval=0.25))
    message = str(caught.value)
    assert message.startswith("scenario tiny: folds are ")
    assert "'lineage': 0.8" in message
    assert "'lineage': 0.5" in message
    assert "give the scenario another name" in message
    assert "\n" not in message
    pin_folds(lake, scenario())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"{}", b'{"folds": {"lineage": 0.9, "fit": 0.1}}']
)
def test_damaged_shares_are_not_taken_for_others(lake: Lake, content: bytes) -> None:
    pin_folds(lake, scenario())
    lake.storage.replace("_scenarios/tiny.json", content)
    with pytest.raises(InputError, match=r"tiny\.json is damaged: .* remove it and run lis ingest"):
        pin_folds(lake, scenario())
