"""Stage ``ais``: score the ranker with the vectors of aligned encoders; log to MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from jobs.ais.terms import AisMode, HeadName
from jobs.common.errors import InputError
from jobs.common.options import horizons, names, option
from jobs.common.outcome import mlflow_line
from jobs.scenarios import Mode, Scenario
from jobs.stages.alignment.request import AlignmentRequest, AlignmentRequestOptions
from jobs.stages.score import pooled_or_all
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.ais.ais_result import AisResult
    from jobs.lake import Lake

Name = TypeVar("Name", AisMode, HeadName)


def parse_ais_modes(text: str) -> tuple[AisMode, ...]:
    """Read modes with commas between them, each once.

    Raises:
        InputError: If there is none of a name. Swap mode fits nothing to vectors, so it is none.
    """
    return _parsed(text, AisMode, "an AIS has no mode")


def parse_heads(text: str) -> tuple[HeadName, ...]:
    """Read names of heads with commas between them, each once.

    Raises:
        InputError: If there is none of a name.
    """
    return _parsed(text, HeadName, "unknown head")


def _parsed(text: str, kind: type[Name], complaint: str) -> tuple[Name, ...]:
    found = dict.fromkeys(names(text))
    for name in found:
        if name not in set(kind):
            raise InputError(f"{complaint} {name!r}: available: {', '.join(kind)}")
    return tuple(kind(name) for name in found)


@dataclass(frozen=True, kw_only=True)
class AisOptions(AlignmentRequestOptions):
    """Aligned encoders, the bound that they are held against, and how rankers are fitted."""

    horizons: tuple[int, ...] | None = option(
        horizons, "days of leak of the bound, such as 7,30 (default: the scenario's)"
    )
    mode: tuple[AisMode, ...] | None = option(
        parse_ais_modes,
        "probe: small towers on the frozen ranker, with and without the vectors; retrain: whole "
        "rankers, fitted side by side; lineage: the ranker itself, trained from day to day since "
        "the alignment with the vectors as an input, which has no bound and no horizon (default: "
        "those of the scenario's modes that fit rankers, else probe)",
        values=lambda: [mode.value for mode in AisMode],
    )
    # The form of a DAG leaves it empty.
    head: tuple[HeadName, ...] | None = option(
        parse_heads,
        "how towers read vectors; raw: the vector and its product with those of clicked items; "
        "similarity: cosines with clicked items and their histogram; codes: residual codes. All "
        "rankers of a result have the same, apart from leaked lists, which have no vectors "
        "(default: raw)",
        values=lambda: [head.value for head in HeadName],
    )

    def modes(self, scenario: Scenario) -> tuple[AisMode, ...]:
        """The modes to score in.

        Raises:
            InputError: If heads are chosen, and no mode has any.
        """
        of_scenario = tuple(AisMode(mode) for mode in scenario.modes if mode != Mode.SWAP)
        chosen = self.mode or of_scenario or (AisMode.PROBE,)
        if self.head and chosen == (AisMode.LINEAGE,):
            raise InputError(
                "lineages read vectors as an input of their network and have no --head: leave it "
                "out, or add --mode probe or --mode retrain"
            )
        return chosen


def score_aligned(
    lake: Lake, scenario: Scenario, options: AisOptions
) -> tuple[AlignmentRequest, list[AisResult]]:
    """AUC Improvement Scores of the encoders that a request names.

    The tables of the bound are assembled, if they are missing. Lineages have none.

    Raises:
        InputError: If an encoder is not aligned yet, or the lineage does not cover the days or is
            stale.
        NotDue: If the future of a horizon has not arrived yet.
    """
    from jobs.ais.score_ais import fitted_mode_of, score_ais, score_lineage_ais
    from jobs.stages.assemble import assemble_features
    from jobs.stages.request import DueScores, KindInMode, ScoreRequest, require_current

    request = options.request(lake, scenario)
    leaks = options.horizons or scenario.horizons
    results: list[AisResult] = []
    for mode in options.modes(scenario):
        reach = (0,) if mode == AisMode.LINEAGE else leaks
        require_current(lake, scenario, DueScores(request.days, reach))
        if mode == AisMode.LINEAGE:
            results += score_lineage_ais(
                lake, scenario, request.kinds, request.days.days, request.aligned_at
            )
            continue
        kinds = tuple(KindInMode(kind, Mode(mode.value)) for kind in request.kinds)
        assemble_features(lake, ScoreRequest(scenario, DueScores(request.days, leaks), kinds))
        for head in options.head or (HeadName.RAW,):
            results += score_ais(
                lake,
                scenario,
                fitted_mode_of(scenario, mode),
                request.kinds,
                request.days.days,
                sorted(leaks),
                request.aligned_at,
                head,
            )
    return request, results


def _run(lake: Lake, scenario: Scenario, options: AisOptions) -> None:
    from jobs.reporting.ais_text import ais_line
    from jobs.tracking.spool.log_spooled import log_improvements

    _, results = score_aligned(lake, scenario, options)
    shown = pooled_or_all(results)
    if runs := log_improvements(lake, scenario, shown):
        print(mlflow_line(runs[-1].url))
    # Last, so that the log of a task ends with what its user came for.
    for result in shown:
        print(ais_line(result))


AIS = Stage(
    name="ais",
    summary="score the ranker with the vectors of aligned encoders; log to MLflow",
    options=AisOptions,
    run=_run,
    needs=(
        "impressions",
        "items",
        "history",
        "statistics",
        "checkpoints",
        "snapshots",
        "features",
        "encoders",
        "item_vectors",
    ),
    publishes=("predictions", "ais"),
    on_gpu=True,
    logs_mlflow_run=True,
)
