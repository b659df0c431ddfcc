"""Rows of days that are not published are in quarantine, and counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.ingest.publish_log import ingest
from jobs.ingest.row_validation import OUTLYING
from jobs.lake import Lake
from jobs.scenarios import Scenario
from tests.jobs.ingest.reading import rows_of

START = 1_769_731_200
A_DAY = 86_400
FIRST = date(2026, 1, 30)
RESET = 946_684_810
SCENARIO = """
name: tiny
source:
  reader: table
  path: log.csv
  format: {kind: csv}
  columns: {impression_id: id, user_id: user, item_id: item, ts: ts, label: label}
  ids: int64
  ts_unit: s
"""


def log() -> list[tuple[str, ...]]:
    """Two days, one more of which no row is valid, and two rows of a clock that was reset."""
    rows = [(str(n), "1", "1", str(START + n % 2 * A_DAY), str(n // 2 % 2), "x") for n in range(60)]
    rows += [(str(60 + n), "1", "1", str(START + 2 * A_DAY), "7", "x") for n in range(3)]
    return [*rows, ("70", "1", "2", str(RESET), "1", "x"), ("70", "1", "2", str(RESET), "0", "x")]


def test_no_day_vanishes_and_none_spans_the_calendar(
    lake: Lake,
    make_scenario: Callable[..., Scenario],
    write_log: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        done = ingest(lake, make_scenario(), write_log(log()))
    assert [(one.rows, one.quarantined) for one in done.days] == [(30, 0), (30, 0)]
    assert done.reasons == {"label outside {0, 1}": 3, OUTLYING: 2}
    refused = rows_of(lake, "quarantine", FIRST + timedelta(days=2))
    assert [row["reason"] for row in refused] == ["label 7 is outside {0, 1}"] * 3
    outlying = rows_of(lake, "quarantine", date(2000, 1, 1))
    assert [row["reason"] for row in outlying] == [f"{OUTLYING}: 2000-01-01"] * 2
    assert sorted(json.loads(row["row"])["label"] for row in outlying) == ["0", "1"]
    assert "2 rows of 2000-01-01 are far from all other days" in caplog.text


def test_the_last_line_counts_all_rows_by_reason(
    tmp_path: Path,
    write_log: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [("90", "NULL", "1", str(START), "1", "x"), ("91", "1", "1", "soon", "1", "x")]
    raw = write_log([*log(), *rows, ("92", "1")])
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    command = ["ingest", "--scenario", str(tmp_path / "tiny.yaml"), "--raw", raw]
    assert main([*command, "--start", "2026-01-30", "--end", "2026-01-31"]) == 0
    shown = caplog.text
    assert "60 impressions on 2 days (2026-01-30 to 2026-01-31), 3 rows quarantined: " in shown
    for reason in (
        "null or unreadable user_id (1)",
        "null or unreadable ts (1)",
        "2 columns where the file has 6 (1)",
    ):
        assert reason in shown
    assert "1 values are read as missing" in shown
