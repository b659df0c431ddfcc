"""AUC Improvement Scores: rankers with aligned vectors, on the held-out rows of each day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jobs.ais.ais_result import AisResult
from jobs.ais.ais_scoring import Way, ais_scoring, fitted_way, lineage_way
from jobs.ais.terms import AisMode, HeadName
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import encoder_partition, starting_ranker_days
from jobs.lis.fitted_scorer import FittedMode
from jobs.lis.score_leaks import evaluate
from jobs.preference import PreferenceKind
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command


def score_ais(
    lake: Lake,
    scenario: Scenario,
    mode: FittedMode,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    aligned_at: date,
    head: HeadName = HeadName.RAW,
) -> list[AisResult]:
    """Score each day with the vectors of aligned encoders; several days are pooled too.

    Rankers are fitted to rows of the fit fold from ``aligned_at`` on, which the encoders have not
    seen. Publishes ``predictions`` and ``ais``.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        mode: Probe or retrain mode.
        kinds: Kinds of preference data that encoders are aligned on.
        as_ofs: Days T, ascending.
        horizons: Horizons n of the bound, in days.
        aligned_at: Day of the encoders.
        head: How towers read vectors.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If an encoder, its vectors or a leaked table is missing, or no day lies between
            the alignment and a day T.
    """
    way = fitted_way(lake, scenario, mode, kinds, aligned_at, head)
    return _evaluated(lake, scenario, way, kinds, as_ofs, horizons, aligned_at)


def score_lineage_ais(
    lake: Lake,
    scenario: Scenario,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    aligned_at: date,
) -> list[AisResult]:
    """Score each day by lineages with and without vectors; several days are pooled too.

    Lineages are trained on the lineage fold from ``aligned_at`` on, as often as ``retrain.seeds``
    says. They have no bound, and nothing is leaked: the horizon of results is 0. Publishes
    ``predictions`` and ``ais``. Days that were scored before are read back.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        kinds: Kinds of preference data that encoders are aligned on.
        as_ofs: Days T, ascending.
        aligned_at: Day of the encoders.

    Returns:
        Results of one kind after the other: single days, then the pooled one.

    Raises:
        InputError: If an encoder or its vectors are missing, rows of a day or a ranker are not
            published, or item vectors are imported, so that there is no lineage.
    """
    way = lineage_way(lake, scenario, aligned_at)
    return _evaluated(lake, scenario, way, kinds, as_ofs, [0], aligned_at)


def _evaluated(
    lake: Lake,
    scenario: Scenario,
    way: Way,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    aligned_at: date,
) -> list[AisResult]:
    for kind in kinds:
        _require_encoder(lake, scenario, kind, as_ofs, aligned_at)
    _require_fit_days(lake, scenario, as_ofs[0], aligned_at)
    scoring = ais_scoring(lake, scenario, way, kinds, as_ofs, aligned_at)
    results = evaluate(lake, scenario, scoring, as_ofs, horizons)
    return [result for result in results if isinstance(result, AisResult)]


def _require_encoder(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, as_ofs: Sequence[date], aligned_at: date
) -> None:
    days = str(as_ofs[0]) if len(as_ofs) == 1 else f"{as_ofs[0]}:{as_ofs[-1]}"
    command = lis_command(
        "align", scenario, as_of=days, preference=kind.name, aligned_at=aligned_at
    )
    lake.require(encoder_partition(scenario, kind.name, aligned_at), f"run {command}")


def _require_fit_days(lake: Lake, scenario: Scenario, as_of: date, aligned_at: date) -> None:
    rankers = starting_ranker_days(lake, scenario)
    if not any(aligned_at <= day < as_of for day in rankers):
        raise InputError(
            f"as of {as_of}: no ranker lies between the alignment at {aligned_at} and this day, so "
            "there is nothing to fit to; ask for a later day, or align at an earlier one"
        )


def fitted_mode_of(scenario: Scenario, mode: AisMode) -> FittedMode:
    """The way in which probe or retrain mode fits rankers."""
    from jobs.lis.probe import Probe
    from jobs.lis.retrain import Retrain

    return Probe(scenario.fit.days) if mode == AisMode.PROBE else Retrain(scenario.retrain)
