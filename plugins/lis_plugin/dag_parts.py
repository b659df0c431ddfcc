"""What the DAGs of all scenarios have in common beside their tasks and form: schedule, tags."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronDataIntervalTimetable

from jobs.scenarios import Scenario, SimulatedSource, shipped_scenarios
from plugins.lis_plugin.refusal import NoRetryIfRefused

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "recommender",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "retry_policy": NoRetryIfRefused(),
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
