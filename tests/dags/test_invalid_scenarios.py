"""A scenario that cannot be used is named in one import error, and all other DAGs stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from jobs.scenarios import shipped_scenarios

DAGS = Path(__file__).resolve().parents[2] / "dags"
GOOD = "source: {reader: simulated}\ncontext: [hour]\n"


def dag_ids(file: str) -> set[str]:
    bag = DagBag(DAGS / file)
    assert bag.import_errors == {}
    return set(bag.dags)


def import_errors() -> str:
    return "\n".join(DagBag(DAGS / "invalid_scenarios.py").import_errors.values())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("source: {reader: simulated}\nhorizon: [7]\n", "bad_feed.yaml: unknown key 'horizon'"),
        ("source: {reader: [", "bad_feed.yaml: not valid YAML"),
        ("", "bad_feed.yaml: expected keys such as"),
        (None, "bad_feed.yaml does not exist"),
        (f"{GOOD}name: good_feed\n", "bad_feed.yaml: name 'good_feed' is taken by "),
        (f"{GOOD}name: simulated_feed\n", "name 'simulated_feed' is taken by simulated_feed"),
        (f"{GOOD}schedule: {{cron: 61 * * * *}}\n", "bad_feed.yaml: schedule.cron: '61 * * * *'"),
        (f"{GOOD}schedule: {{cron: daily}}\n", "bad_feed.yaml: schedule.cron: 'daily' is no cron"),
    ],
)
def test_an_invalid_scenario_takes_no_dags_away(
    content: str | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, last = (tmp_path / f"{name}_feed.yaml" for name in ("good", "bad", "last"))
    for path, text in ((good, GOOD), (bad, content), (last, GOOD)):
        if text is not None:
            path.write_text(text)
    monkeypatch.setenv("LIS_SCENARIOS", os.pathsep.join(map(str, (good, bad, last))))
    names = {*shipped_scenarios(), "good_feed", "last_feed"}
    assert dag_ids("lis_daily.py") == {f"lis_daily__{name}" for name in names}
    assert dag_ids("alignment.py") == {f"alignment__{name}" for name in names}
    errors = import_errors()
    assert line in errors
    assert "last_feed.yaml" not in errors


def test_a_file_that_cannot_be_read_takes_no_dags_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bad_feed.yaml"
    path.write_text(GOOD)
    original = Path.open

    def open_unless_forbidden(self: Path, *arguments: Any, **options: Any) -> IO[Any]:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_unless_forbidden)
    monkeypatch.setenv("LIS_SCENARIOS", str(path))
    assert dag_ids("lis_daily.py") == {f"lis_daily__{name}" for name in shipped_scenarios()}
    assert f"{path}: cannot be read: Permission denied" in import_errors()


def test_valid_scenarios_give_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "good_feed.yaml"
    path.write_text(GOOD)
    # A file that is named twice is one scenario.
    monkeypatch.setenv("LIS_SCENARIOS", os.pathsep.join([str(path), str(path)]))
    assert import_errors() == ""
