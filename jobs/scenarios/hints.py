"""Commands in messages, written so that they can be pasted into a shell and run."""

from __future__ import annotations

import os
import shlex

from jobs.common.paths import data_folder
from jobs.scenarios.config import Scenario


def lis_command(command: str, scenario: Scenario, **options: object) -> str:
    """A command of ``lis`` on a scenario, which is named as the user has named it.

    Args:
        command: Such as ``train`` or ``stage score``.
        scenario: The scenario.
        options: Values by name: ``as_of`` stands for ``--as-of``. None leaves an option out.
    """
    given = {"scenario": scenario.given_as, **options}
    words = ["lis", *command.split()]
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def ingest_command(scenario: Scenario, raw: str | None = None, **options: object) -> str:
    """``lis ingest`` on a scenario.

    Args:
        scenario: The scenario.
        raw: Where the log is, if the user has said it. Without it, ``--raw PATH`` is added if the
            scenario names no place and nothing lies at the default one.
        options: Further options, as in ``lis_command``.
    """
    if raw is None and scenario.source.raw is None:
        place = default_raw(scenario)
        raw = None if "://" in place or os.path.exists(place) else "PATH"
    return lis_command("ingest", scenario, raw=raw, **options)


def default_raw(scenario: Scenario) -> str:
    """Path or URI of the log of a scenario if neither it nor the user names a place."""
    folder = os.environ.get("LIS_RAW") or str(data_folder() / "raw")
    return f"{folder.rstrip('/')}/{scenario.name}"
