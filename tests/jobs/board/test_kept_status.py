"""The status that a run keeps is the one that a page reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.board.kept_status import STATUS, keep_status, newest_status
from jobs.common.errors import DamagedFile
from jobs.lake import Lake

CONTENT = {"days": [], "late": [{"day": "2026-01-03", "why": "one more file"}]}


def test_the_newest_day_counts(lake: Lake) -> None:
    assert newest_status(lake, "feed") is None
    keep_status(lake, "feed", date(2026, 1, 9), CONTENT, ["lis ingest --late"])
    keep_status(lake, "feed", date(2026, 1, 8), {"days": []}, [])
    found = newest_status(lake, "feed")
    assert found is not None
    assert found.content == CONTENT
    assert found.commands == ("lis ingest --late",)
    assert datetime.now(UTC) - found.checked < timedelta(minutes=5)


def test_one_day_is_kept(lake: Lake) -> None:
    for day in (8, 10, 9):
        keep_status(lake, "feed", date(2026, 1, day), CONTENT, [])
    assert lake.days_with_any(STATUS, "feed") == [date(2026, 1, 10)]


def test_a_second_look_replaces_the_first_of_a_day(lake: Lake) -> None:
    keep_status(lake, "feed", date(2026, 1, 9), CONTENT, ["lis ingest --late"])
    keep_status(lake, "feed", date(2026, 1, 9), {"days": []}, [])
    found = newest_status(lake, "feed")
    assert found is not None
    assert (found.content, found.commands) == ({"days": []}, ())


def test_a_damaged_one_is_refused(lake: Lake) -> None:
    keep_status(lake, "feed", date(2026, 1, 9), CONTENT, [])
    [path] = Path(lake.uri).rglob("status*.json")
    path.write_bytes(path.read_bytes().replace(b"late", b"lost"))
    with pytest.raises(DamagedFile, match="status"):
        newest_status(lake, "feed")
