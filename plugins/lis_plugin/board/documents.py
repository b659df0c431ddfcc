"""What the API gives: the content of the pages in plain values."""

from __future__ import annotations

from typing import Any

from jobs.board.summary import Change
from plugins.lis_plugin.board.freshness import Freshness
from plugins.lis_plugin.board.views import Detail, Overview


def overview_document(one: Overview) -> dict[str, Any]:
    """Return the newest scores of a scenario, and how fresh it is."""
    cells = [(cell, row) for row in one.heat.rows for cell in row.cells if cell is not None]
    return {
        "scenario": one.name,
        "title": one.title,
        "dag_id": one.dag_id,
        "ranker_version": one.ranker,
        "mode": one.mode,
        "modes": list(one.modes),
        "threshold": one.threshold,
        "newest": [
            {**vars(cell.line), "stale_because": cell.stale_because, "mlflow": cell.run}
            for cell, _ in cells
        ],
        "freshness": _freshness(one.fresh),
    }


def detail_document(one: Detail) -> dict[str, Any]:
    """Return all that the board shows of a scenario but the pictures."""
    return {
        **overview_document(one.overview),
        "days": one.days,
        "trends": [
            {**key._asdict(), "points": [point._asdict() for point in line]}
            for key, line in one.trends.items()
        ],
        "changes": [_change(change) for change in one.changes],
        "more_changes": one.more_changes,
        "improvements": [vars(line) for line in one.improvements],
        "reports": [report.name for report in one.reports],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "day": change.day,
        "score": None if change.key is None else change.key._asdict(),
        "before": change.before,
        "after": change.after,
    }


def _freshness(fresh: Freshness) -> dict[str, Any]:
    return {
        "ingested": fresh.ingested,
        "age_days": fresh.age,
        "is_old": fresh.is_old,
        "last_run": None
        if fresh.run is None
        else {"run_id": fresh.run.run_id, "state": str(fresh.run.state)},
        "next_run": fresh.next_run,
        "checked": fresh.checked,
        "reasons": list(fresh.reasons),
        "commands": list(fresh.commands),
        "late_days": fresh.late,
        "stale_scores": fresh.stale_scores,
    }
