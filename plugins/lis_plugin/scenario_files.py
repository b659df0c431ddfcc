"""The scenarios that have DAGs. One that cannot be used takes no other's DAGs away."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowTimetableInvalid

from jobs.common.errors import InputError
from jobs.scenarios import Scenario, load_scenario, shipped_scenarios
from plugins.lis_plugin.dag_parts import schedule, start_date


@dataclass(frozen=True)
class ScenarioFiles:
    """What was read of all scenarios.

    Attributes:
        usable: Each scenario by its source: a shipped name, or the path of a YAML file.
        errors: A line for each that cannot be used, which names its file.
    """

    usable: Mapping[str, Scenario]
    errors: tuple[str, ...]


def read_scenarios() -> ScenarioFiles:
    """Read the shipped scenarios, then the YAML paths in ``LIS_SCENARIOS``, written like ``PATH``.

    Of two scenarios with one name the first is used: both would have the same DAGs and tables.
    """
    usable: dict[str, Scenario] = {}
    errors = []
    for source in _sources():
        try:
            scenario = load_scenario(source)
            _require_another_name(scenario, source, usable)
            _require_schedule(scenario, source)
        except InputError as error:
            errors.append(str(error))
        except OSError as error:
            errors.append(f"{source}: cannot be read: {error.strerror or error}")
        else:
            usable[source] = scenario
    return ScenarioFiles(usable, tuple(errors))


def _sources() -> list[str]:
    paths = os.environ.get("LIS_SCENARIOS", "").split(os.pathsep)
    # Absolute, as a task runs in another folder than the one in which the variable was set.
    given = dict.fromkeys(str(Path(path).resolve()) for path in paths if path)
    return [*shipped_scenarios(), *given]


def _require_another_name(scenario: Scenario, source: str, usable: Mapping[str, Scenario]) -> None:
    for other, known in usable.items():
        if known.name == scenario.name:
            raise InputError(
                f"{source}: name {scenario.name!r} is taken by {other}: give it another name"
            )


def _require_schedule(scenario: Scenario, source: str) -> None:
    dag = DAG("schedule", schedule=schedule(scenario), start_date=start_date(scenario))
    try:
        dag.validate()  # type: ignore[no-untyped-call]
    except AirflowTimetableInvalid as error:
        raise InputError(
            f"{source}: schedule.cron: {scenario.schedule.cron!r} is no cron expression ({error}): "
            "write one such as '0 2 * * *', or null for runs started by hand"
        ) from error
