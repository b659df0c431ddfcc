"""What the pages show, collected from the lake and from Airflow's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from sqlalchemy.orm import Session

from jobs.board.kept_status import newest_status
from jobs.board.lines import CONFIDENCE, OF_AIS, OF_LIS, board_partition, board_years, read_board
from jobs.board.score_line import ImprovementLine, ScoreLine
from jobs.board.summary import (
    Change,
    Point,
    ScoreKey,
    newest_day,
    newest_lines,
    of_as_ofs,
    of_mode,
    ranker_changes,
    since,
    thinned,
    trends,
    verdict_changes,
)
from jobs.evaluation.verdict.decision import THRESHOLD
from jobs.lake import Lake
from plugins.lis_plugin.board import runs
from plugins.lis_plugin.board.freshness import Freshness, freshness, stale_scores
from plugins.lis_plugin.board.heat_map import MODES, HeatMap, Step, heat_map, legend
from plugins.lis_plugin.board.report_files import ReportFile, report_files

WINDOWS = {30: "30 days", 90: "90 days", 365: "a year", 731: "two years"}
"""How far back trends and changes reach, in days."""
WINDOW = 90
_MOST_CHANGES = 30
_MOST_POINTS = 122
"""Days in a trend: of a longer time, evenly spaced ones are drawn."""
_RECENT = timedelta(days=31)
_CONFIDENCE = 0.95
_DESCRIPTION = "Leakage Impact Score of "
"""What the description of a daily DAG begins with, before the title of its scenario."""


@dataclass(frozen=True)
class Overview:
    """A scenario among all.

    Attributes:
        modes: Those that have a score.
        recent: Changes within a month of its newest score.
        unseen: The newest evaluation day in the lake, where the board has none of it yet.
    """

    name: str
    title: str
    dag_id: str
    ranker: str | None
    modes: Sequence[str]
    mode: str
    threshold: float
    heat: HeatMap
    legend: Sequence[Step]
    fresh: Freshness
    recent: Sequence[Change]
    unseen: str | None


@dataclass(frozen=True)
class Detail:
    """All of a scenario, in the mode of its overview.

    Attributes:
        lines: Its newest scores in all modes.
        days: How far back trends and changes reach.
        rankers: The changes of its ranker.
        more_changes: How many further ones there are.
        experiment: Its runs in MLflow.
    """

    overview: Overview
    lines: Sequence[ScoreLine]
    days: int
    trends: Mapping[ScoreKey, Sequence[Point]]
    rankers: Sequence[Change]
    changes: Sequence[Change]
    more_changes: int
    improvements: Sequence[ImprovementLine]
    reports: Sequence[ReportFile]
    experiment: str | None


@dataclass(frozen=True)
class RunView:
    """What a run has scored."""

    run: DagRun
    overview: Overview
    logged: Sequence[runs.Link]
    days: Sequence[str]


def overview(session: Session, scenario: str, dag: DagModel, mode: str | None) -> Overview:
    """Return the newest scores of a scenario.

    Args:
        session: Of Airflow's database.
        scenario: Its name.
        dag: Its daily DAG.
        mode: The mode to show; None for the first that has a score.

    Raises:
        InputError: If the lake cannot be read.
    """
    lake = Lake.from_environment()
    rows = read_board(lake, scenario, OF_LIS, _newest_years(lake, scenario))
    lines = newest_lines(rows)
    day = newest_day(rows)
    recent = [] if day is None else _changes(since(rows, day - _RECENT))
    found = runs.experiment(session, dag.dag_id)
    return _overview(session, lake, scenario, dag, mode, lines, recent, found)


def detail(session: Session, scenario: str, dag: DagModel, mode: str | None, days: int) -> Detail:
    """Return all that the board shows of a scenario; see ``overview``."""
    lake = Lake.from_environment()
    rows = read_board(lake, scenario, OF_LIS, _newest_years(lake, scenario))
    lines = newest_lines(rows)
    day = newest_day(rows)
    found = runs.experiment(session, dag.dag_id)
    head = _overview(session, lake, scenario, dag, mode, lines, [], found)
    shown = of_mode(rows, head.mode)
    if day is not None:
        shown = since(shown, day - timedelta(days=days - 1))
    changed = _changes(shown)
    points = thinned(shown, _MOST_POINTS)
    aligned = newest_lines(read_board(lake, scenario, OF_AIS), OF_AIS)
    return Detail(
        overview=head,
        lines=lines,
        days=days,
        trends=trends(points),
        rankers=ranker_changes(shown),
        changes=changed[:_MOST_CHANGES],
        more_changes=max(0, len(changed) - _MOST_CHANGES),
        improvements=[one for one in aligned if isinstance(one, ImprovementLine)],
        reports=report_files(scenario),
        experiment=None if found is None else found.runs,
    )


def of_run(
    session: Session, scenario: str, dag: DagModel, run: DagRun, mode: str | None
) -> RunView:
    """Return what a run of a DAG of a scenario has scored; see ``overview``.

    A run that has not planned its scores yet, or that is of another DAG, shows the newest ones.
    """
    lake = Lake.from_environment()
    rows = read_board(lake, scenario, OF_LIS, _newest_years(lake, scenario))
    scored = runs.scored(session, run.dag_id, run.run_id)
    due = {(horizon, str(days)) for horizon, days in scored}
    if due:
        of_days = newest_lines(of_as_ofs(rows, {days for _, days in due}))
        lines = [line for line in of_days if (line.horizon, line.as_of) in due]
    else:
        lines = newest_lines(rows)
    found = runs.experiment(session, run.dag_id)
    return RunView(
        run=run,
        overview=_overview(session, lake, scenario, dag, mode, lines, [], found),
        logged=runs.logged_runs(session, run.dag_id, run.run_id),
        days=[f"{days} (n = {horizon})".replace(":", " to ") for horizon, days in scored],
    )


def _overview(
    session: Session,
    lake: Lake,
    scenario: str,
    dag: DagModel,
    mode: str | None,
    lines: Sequence[ScoreLine],
    recent: Sequence[Change],
    found: runs.Experiment | None,
) -> Overview:
    status = newest_status(lake, scenario)
    scored = {line.mode for line in lines}
    modes = [one for one in MODES if one in scored]
    shown = mode if mode in modes or not modes else modes[0]
    threshold = max((line.threshold for line in lines), default=THRESHOLD)
    return Overview(
        name=scenario,
        title=(dag.description or scenario).removeprefix(_DESCRIPTION),
        dag_id=dag.dag_id,
        ranker=max(((line.last, line.ranker_version) for line in lines), default=("", None))[1],
        modes=modes,
        mode=shown or MODES[0],
        threshold=threshold,
        heat=heat_map(
            lines,
            shown or MODES[0],
            _confidence(lake, scenario),
            stale_scores(status),
            lambda line: (
                None
                if found is None
                else found.score(line.as_of, line.preference, line.mode, line.horizon)
            ),
        ),
        legend=legend(threshold),
        fresh=freshness(lake, scenario, dag, runs.last_run(session, dag.dag_id), status),
        recent=recent,
        unseen=_unseen(lake, scenario, lines),
    )


def _changes(rows: pa.Table) -> list[Change]:
    """The changes of verdicts and of the ranker, the newest first."""
    found = [*verdict_changes(rows), *ranker_changes(rows)]
    return sorted(found, key=lambda one: (one.day, one.key is None, one.key or ()), reverse=True)


def _newest_years(lake: Lake, scenario: str) -> int | None:
    """The first year that a page reads: two years back from the newest day lie in three."""
    years = board_years(lake, scenario)
    return years[-1] - 2 if years else None


def _confidence(lake: Lake, scenario: str) -> float:
    years = board_years(lake, scenario)
    manifest = lake.manifest(board_partition(scenario, OF_LIS, years[-1])) if years else None
    return _CONFIDENCE if manifest is None else float(manifest.facts[CONFIDENCE])


def _unseen(lake: Lake, scenario: str, lines: Sequence[ScoreLine]) -> str | None:
    stored = lake.days_with_any("lis", scenario)
    newest = max((line.last for line in lines), default="")
    return stored[-1].isoformat() if stored and stored[-1].isoformat() > newest else None
