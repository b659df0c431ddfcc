"""A log whose rows all have one label is refused, with the column and the rule that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.common.errors import InputError
from jobs.ingest.publish_log import ingest
from jobs.lake import Lake
from jobs.scenarios import Scenario

START = 1_769_731_200
A_DAY = 86_400
MakeScenario = Callable[..., Scenario]
WriteLog = Callable[..., str]
SCENARIO = """
name: tiny
source:
  reader: table
  path: log.csv
  format: {kind: csv}
  columns: {impression_id: id, user_id: user, item_id: item, ts: ts, label: label}
  ids: int64
  ts_unit: s
  label: {at_least: 3}
"""


def rows(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """One row a day with each of the labels."""
    return [
        (str(day), "1", "1", str(START + day * A_DAY), label, "home")
        for day, label in enumerate(labels)
    ]


@pytest.mark.parametrize(("labels", "label"), [(("3", "4", "5"), 1), (("0", "2"), 0)])
def test_the_command_ends_with_code_2_and_publishes_nothing(
    tmp_path: Path,
    write_log: WriteLog,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    labels: Sequence[str],
    label: int,
) -> None:
    raw = write_log(rows(labels))
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    command = ["ingest", "--scenario", str(tmp_path / "tiny.yaml"), "--raw", raw]
    assert main(command) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if "label" in line]
    assert f"all {len(labels)} rows" in line
    assert f"have label {label}, made from column 'label' (at_least: 3)" in line
    assert "correct source.label" in line
    lake = Lake(str(tmp_path / "lake"))
    for table in ("impressions", "items", "quarantine", "history", "statistics"):
        assert lake.days_with_any(table, "tiny") == []


def test_a_day_may_have_one_label(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    """One day alone, and days that are added to others."""
    scenario, raw = make_scenario(), write_log(rows(("1", "0", "0", "0")))
    days = [date(2026, 1, 30) + timedelta(days=number) for number in range(4)]
    with pytest.raises(InputError, match=r"no rule, so it must hold 0 or 1"):
        ingest(lake, scenario, raw, days[1], days[3])
    assert [one.rows for one in ingest(lake, scenario, raw, days[0], days[0]).days] == [1]
    assert [one.rows for one in ingest(lake, scenario, raw, days[1], days[3]).days] == [1, 1, 1]
