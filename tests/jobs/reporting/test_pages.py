"""Where the pages of reports lie, and which of them is the latest."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.reporting.pages import write_page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    return tmp_path / "reports" / "feed"


def pages(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_page_of_another_ranker_stays_beside(folder: Path) -> None:
    write_page("feed", "2026-01-25:2026-01-31", "dcn-1", "old ranker")
    page = write_page("feed", "2026-01-25:2026-01-31", "dcn-2", "new ranker")
    assert page == folder / "2026-01-25_2026-01-31_dcn-2.html"
    assert pages(folder) == {
        "2026-01-25_2026-01-31_dcn-1.html": "old ranker",
        "2026-01-25_2026-01-31_dcn-2.html": "new ranker",
        "latest.html": "new ranker",
    }


def test_the_latest_page_is_that_of_the_newest_days(folder: Path) -> None:
    for as_of in ("2026-01-30", "2026-01-29:2026-01-31", "2026-01-30"):
        write_page("feed", as_of, "dcn-1", f"page of {as_of}")
        write_page("other", as_of, "dcn-1", "of another feed")
    assert pages(folder)["latest.html"] == "page of 2026-01-29:2026-01-31"
    write_page("feed", "2026-01-31", "dcn-1", "later, of the same day")
    assert pages(folder)["latest.html"] == "later, of the same day"


def test_pages_named_by_earlier_versions_are_left_alone(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "2026-02-28.html").write_text("of an earlier version")
    write_page("feed", "2026-01-31", "dcn-1", "page")
    assert pages(folder) == {
        "2026-02-28.html": "of an earlier version",
        "2026-01-31_dcn-1.html": "page",
        "latest.html": "page",
    }
