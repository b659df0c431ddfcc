"""What the daily run found late or stale, kept for pages that cannot look for it themselves.

A page would have to list the raw log and to read thousands of manifests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jobs.lake import Lake, Partition
from jobs.lake.manifest import digest_of
from jobs.lake.partition import manifest_path

STATUS = "status"
DAYS = timedelta(days=31)
"""How far back from the newest day it reaches."""
_FILE = "status.json"


@dataclass(frozen=True)
class KeptStatus:
    """The status of a scenario as of a run; times are those of the run.

    Attributes:
        checked: When it was found, in UTC.
        content: What ``lis status --json`` prints.
        commands: Those that bring all up to date; none if all is.
    """

    checked: datetime
    content: Mapping[str, Any]
    commands: Sequence[str] = field(default=())


def keep_status(
    lake: Lake, scenario: str, day: date, content: Mapping[str, Any], commands: Sequence[str]
) -> None:
    """Keep a status, and none of an older day.

    Args:
        lake: Where it is kept.
        scenario: Name of the scenario.
        day: The newest day of its log or lake.
        content: The status in plain values, as ``status_as_json`` gives them.
        commands: Those that bring all up to date.
    """
    partition = Partition(STATUS, scenario, day)
    text = json.dumps({"status": content, "commands": list(commands)}, indent=1, sort_keys=True)
    with lake.attempt([partition]) as attempt:
        attempt.write_bytes(_FILE, f"{text}\n".encode())
        attempt.publish(partition, inputs={"status": digest_of(text)})
    # Nobody reads them, and each day would add two files.
    for older in lake.days_with_any(STATUS, scenario)[:-1]:
        lake.forget(Partition(STATUS, scenario, older))


def newest_status(lake: Lake, scenario: str) -> KeptStatus | None:
    """Return the status of the newest day that has one; None if none has.

    Raises:
        DamagedFile: If its file is damaged.
    """
    for day in reversed(lake.days_with_any(STATUS, scenario)):
        partition = Partition(STATUS, scenario, day)
        state = lake.storage.state(manifest_path(partition))
        if state is None:
            continue
        [path] = lake.published_paths(partition, suffix=_FILE)
        content = json.loads(lake.storage.read(path) or b"{}")
        checked = datetime.fromtimestamp(state.mtime_ns / 1e9, UTC)
        return KeptStatus(checked, content["status"], tuple(content["commands"]))
    return None
