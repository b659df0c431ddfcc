"""The guide to custom kinds in docs/preference-data.md works as it stands."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from jobs.cli.main import main

DOCS = Path(__file__).parents[1] / "docs"
ITEMS = [21444427781, 21451767812]
"""Two items that the feed shows every day, in place of the ids of the example."""
SCENARIO = """
source:
  reader: simulated
  options: {rows_per_day: 600, users: 60, new_items_per_day: 6}
context: [hour]
history_length: 5
lookback_days: 4
ranker:
  embedding_dim: 4
  cross_layers: 1
  hidden_units: [8]
  history_length: 5
  batch_size: 128
folds: {lineage: 0.5, fit: 0.25, eval: 0.25}
fit: {days: 2}
retrain: {seeds: 1, epochs: 1}
"""


def blocks(language: str) -> list[str]:
    text = (DOCS / "preference-data.md").read_text(encoding="utf-8")
    guide = text.split("## Custom kinds")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", guide, re.DOTALL)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the guide tells a reader to write."""
    for name in ("LIS_LAKE", "LIS_RAW", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    code, writes_table = blocks("python")
    (tmp_path / "click_hours.py").write_text(code)
    assert "[1, 2]" in writes_table
    (tmp_path / "write_table.py").write_text(writes_table.replace("[1, 2]", str(ITEMS)))
    with monkeypatch.context() as there:
        there.chdir(tmp_path)
        runpy.run_path("write_table.py")
    (custom,) = blocks("yaml")
    built_in = (DOCS / "adding.md").read_text(encoding="utf-8").split("```python\n")[1]
    (tmp_path / "popular_hours.py").write_text(built_in.split("```")[0])
    (tmp_path / "my_feed.yaml").write_text(f"{SCENARIO}{custom}  - popular_hours.py:PopularHours\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_newcomer_scores_custom_kinds(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feed = ("--scenario", str(newcomer / "my_feed.yaml"))
    assert main(["preference", "list", *feed]) == 0
    listed = capsys.readouterr().out.splitlines()
    custom = [line.split()[0] for line in listed][-3:]
    assert custom == ["click_hours", "my_vectors", "popular_hours"]
    assert main(["simulate", *feed, "--days", "10"]) == 0
    assert main(["ingest", *feed]) == 0
    assert main(["train", *feed]) == 0
    capsys.readouterr()
    days = ("--as-of", "2026-01-07", "--horizons", "2", "--mode", "retrain", "--json")
    assert main(["lis", *feed, *days, "--preference", ",".join(custom)]) == 0
    results = json.loads(capsys.readouterr().out)
    assert [result["preference"] for result in results] == custom
    assert [result["mode"] for result in results] == ["retrain"] * 3
    for result in results:
        assert 0 < result["coverage"] <= 1
        # Clicks of so small a feed may give the rankers no use for a feature.
        assert result["lis_se"] > 0 or result["verdict"] == "feature not used"
    assert [result["eval_rows_seen"] for result in results] == ["no", "unknown", "no"]


def test_the_guide_is_short() -> None:
    code, _ = blocks("python")
    assert len([line for line in code.splitlines() if line]) <= 12
