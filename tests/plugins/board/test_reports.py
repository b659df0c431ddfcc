"""Which files of the disk a page may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.lis_plugin.board.report_files import report_files, report_path

NAMES = (
    "2026-01-31_dcn-1.html",
    "2026-01-25_2026-01-31_dcn-1.html",
    "2026-02-01_dcn-1.html",
    "latest.html",
    "2026-02-02_dcn-1.unfinished",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    folder = tmp_path / "reports" / "feed"
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text(name)
    (tmp_path / "secret.html").write_text("secret")
    return folder


def test_reports_are_listed_from_the_newest(folder: Path) -> None:
    assert [one.days for one in report_files("feed")] == [
        "2026-02-01",
        "2026-01-31",
        "2026-01-25 to 2026-01-31",
    ]
    assert report_files("other") == []
    assert report_path("feed", NAMES[0]) == folder / NAMES[0]


@pytest.mark.parametrize(
    "name",
    [
        "../../secret.html",
        "2026-01-31_../../../secret.html",
        "/etc/passwd",
        "latest.html",
        "2026-02-02_dcn-1.unfinished",
        "2026-01-31_other.html",
        "",
    ],
)
def test_no_other_file_has_a_path(folder: Path, name: str) -> None:
    assert report_path("feed", name) is None
