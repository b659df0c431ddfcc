"""Probe and retrain mode: all that the two fitted modes share except the fitting itself.

They fit rankers to rows of the fit fold on the days before T. For a row of day d, the leaked
variant gets the feature table of day d + n, the known variant that of day d, the placebo the leaked
table shuffled, and the baseline none; all else is equal. The rankers then score day T.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jobs.evaluation.result import LisResult
from jobs.lake import Lake
from jobs.lis.feature_source import LeakedTables
from jobs.lis.fitted_scorer import FittedMode, FittedScorer
from jobs.lis.score_leaks import evaluate
from jobs.lis.simple_models import SimpleModels
from jobs.lis.targets import Scoring
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.kind import has_lookback
from jobs.scenarios import EvalRowsSeen, Scenario

_WORST_FIRST: tuple[EvalRowsSeen, ...] = ("yes", "unknown", "no")


def score_fitted(
    lake: Lake,
    scenario: Scenario,
    mode: FittedMode,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score each day with all leaks in a fitted mode; several days are pooled too.

    Publishes ``predictions`` and ``lis``. Predictions that were made from the same inputs are read
    back, so a killed run continues where it stopped.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        mode: Probe or retrain mode.
        kinds: Kinds of preference data to leak.
        as_ofs: Days T, ascending.
        horizons: Horizons n, in days.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If a table is not assembled, or the fit fold is empty before T.
    """
    scoring = fitted_scoring(lake, scenario, mode, kinds)
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def fitted_scoring(
    lake: Lake, scenario: Scenario, mode: FittedMode, kinds: Sequence[PreferenceKind]
) -> Scoring:
    """Return how a fitted mode scores some kinds. Nothing is read yet."""
    source = LeakedTables(lake, scenario, kinds)
    scorer = FittedScorer(lake, scenario, mode, source, side_information(scenario))
    return Scoring(
        kinds=tuple(kinds),
        mode=mode.mode,
        input_digests=scorer.input_digests,
        score_day=scorer.score_day,
        peers=SimpleModels(lake, scenario),
        seeds=mode.seeds,
        fits=mode.fits,
        fit_days=scenario.fit.days,
        lookback_days=lambda kind: scenario.lookback_days if has_lookback(kind) else 0,
        eval_rows_seen=lambda kind: eval_rows_seen(scenario, kind),
    )


def eval_rows_seen(scenario: Scenario, kind: PreferenceKind) -> EvalRowsSeen:
    """Whether inputs of the rankers were made from held-out rows: the worst answer of all inputs.

    Inputs are the leaked kind, side information and imported item vectors.
    """
    answers = {each.eval_rows_seen for each in (kind, *side_information(scenario))}
    if scenario.snapshots is not None:
        answers.add(scenario.snapshots.eval_rows_seen)
    return next(answer for answer in _WORST_FIRST if answer in answers)


def side_information(scenario: Scenario) -> list[PreferenceKind]:
    """Return the kinds of preference data that the ranker of a scenario reads already."""
    return [preference_kind(name, scenario) for name in scenario.ranker.side_information]
