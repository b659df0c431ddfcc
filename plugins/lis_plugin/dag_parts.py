"""What the DAGs of all scenarios have in common beside their tasks: schedule, form, tags."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param

from jobs.preference import built_in_kinds
from jobs.scenarios import Mode, Scenario, SimulatedSource, shipped_scenarios

MODES = [mode.value for mode in Mode]

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "recommender",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
}


def scenario_sources() -> list[str]:
    """Shipped names, then the YAML paths in ``LIS_SCENARIOS``, which is written like ``PATH``."""
    paths = os.environ.get("LIS_SCENARIOS", "").split(os.pathsep)
    # Absolute, as a task runs in another folder than the one in which the variable was set.
    return [*shipped_scenarios(), *(str(Path(path).resolve()) for path in paths if path)]


def schedule(scenario: Scenario) -> CronDataIntervalTimetable | None:
    """A timetable whose logical date is the day of data, not the moment of the trigger."""
    cron = scenario.schedule.cron
    return None if cron is None else CronDataIntervalTimetable(cron, "UTC")


def start_date(scenario: Scenario) -> datetime:
    """Midnight UTC of the first day that a backfill may ask for."""
    return datetime.combine(scenario.schedule.start, time(), tzinfo=UTC)


def tags(scenario: Scenario) -> list[str]:
    """Labels to filter the list of DAGs by."""
    kind = "simulated" if isinstance(scenario.source, SimulatedSource) else "log"
    return ["lis", "daily" if scenario.schedule.cron else "on demand", kind]


def form(scenario: Scenario) -> dict[str, Param]:
    """What a manual run may choose. An empty form does what the schedule would do."""
    day = r"\d{4}-\d{2}-\d{2}"
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            pattern=rf"^({day}(:{day})?)?$",
            title="Evaluation date",
            description="2026-01-31, or 2026-01-25:2026-01-31 for several and their pooled "
            "result. Empty: the newest date that each horizon allows.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            pattern=rf"^({day})?$",
            title="First day of a new ranker",
            description="A changed ranker gets a separate lineage beside the old one. Empty: "
            "it starts on the first day of the log.",
        ),
        "horizons": Param(
            None,
            type=["null", "array"],
            items={"type": "integer", "minimum": 0},
            title="Days of leak",
            description=f"One number a line. Empty: {list(scenario.horizons)}.",
        ),
        "preferences": Param(
            list(scenario.preferences),
            type="array",
            items={"type": "string"},
            examples=sorted({*(kind.name for kind in built_in_kinds()), *scenario.preferences}),
            title="Preference data",
            description="What is leaked into the ranker.",
        ),
        "modes": Param(
            list(scenario.modes),
            type="array",
            items={"type": "string", "enum": MODES},
            examples=MODES,
            title="Modes",
            description="swap: the embedding table of T+n in the ranker of T. probe: small towers "
            "on the frozen ranker, with and without the leak. retrain: whole rankers, with and "
            "without the leak. Each kind of preference data is scored in those that it allows.",
        ),
    }
