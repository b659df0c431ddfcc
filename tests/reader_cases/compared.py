"""Compares the reading of a random log with that of the plain reader."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from tests.oracles.plain_files import Refusal
from tests.oracles.plain_reader import EPOCH, Impression, Reading, plain_reading
from tests.reader_cases.random_logs import RandomLog, write_random_log
from tests.reader_cases.reading import read_log


def compare(seed: int, folder: Path) -> str | None:
    """Read a random log in both ways.

    Args:
        seed: of the log.
        folder: an empty folder to write it to.

    Returns:
        How the readings differ, None if they do not.
    """
    log = write_random_log(seed, folder)
    try:
        expected: Reading | str = plain_reading(log.source, log.paths)
    except Refusal as refusal:
        expected = str(refusal)
    try:
        problem = _difference(expected, _read(log, folder))
    except InputError as error:
        problem = _refusal(expected, str(error), folder)
    return problem and f"seed {seed}: {problem} ({log.source})"


def scenario_of(log: RandomLog) -> Scenario:
    """The scenario of a random log."""
    content = {"name": "random", "source": log.source, "context": list(log.context)}
    return Scenario.model_validate(content)


def _read(log: RandomLog, folder: Path) -> Reading:
    """The impressions and the number of rejected rows.

    Raises:
        InputError: If the log is refused.
    """
    found = read_log(scenario_of(log), str(folder))
    assert all(row["row"] for row in found.rejected)
    impressions = [
        Impression(
            row["impression_id"] if "impression_id" in log.source["columns"] else None,
            row["user_id"],
            row["item_id"],
            (row["ts"] - EPOCH) // timedelta(microseconds=1),
            row["label"],
            tuple(row[name] for name in log.context),
        )
        for row in found.impressions
    ]
    return Reading(impressions, len(found.rejected))


def _difference(expected: Reading | str, found: Reading) -> str | None:
    if isinstance(expected, str):
        return f"not refused although {expected}"
    missing = Counter(expected.impressions) - Counter(found.impressions)
    invented = Counter(found.impressions) - Counter(expected.impressions)
    if missing or invented:
        return f"lacks {list(missing)[:2]}, invents {list(invented)[:2]}"
    if expected.rejected != found.rejected:
        return f"{found.rejected} rejected rows, not {expected.rejected}"
    return None


def _refusal(expected: Reading | str, error: str, folder: Path) -> str | None:
    if isinstance(expected, Reading) and not expected.may_refuse:
        return f"refused without need: {error}"
    if str(folder) not in error or "\n" in error.strip():
        return f"refused without the name of a file, or in several lines: {error}"
    return None


if __name__ == "__main__":
    print(compare(int(sys.argv[1]), Path(sys.argv[2])) or "read alike")
