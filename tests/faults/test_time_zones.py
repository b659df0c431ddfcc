"""The time zone of a machine changes no byte, also where its clock changes within the log.

Clocks of Los Angeles go forward on 8 March 2026, so that day has 23 hours there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.home import SCENARIO as NAME
from tests.faults.home import Home, all_bytes, new_home, tree
from tests.jobs.small_feed import SMALL_FEED

SCENARIO = SMALL_FEED.replace("new_items_per_day: 8", "new_items_per_day: 8, start: 2026-03-04")
COMMANDS = (
    ("simulate", "--days", "7", "--out"),
    ("ingest",),
    ("train",),
    ("lis", "--preference", "id_embedding", "--as-of", "2026-03-09", "--mode", "swap"),
)
ZONES = ("America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati")


def run_in(zone: str, folder: Path) -> Home:
    """A home whose commands have all run in a time zone."""
    folder.mkdir()
    home, words = new_home(folder, SCENARIO), list[str]()
    for command in COMMANDS:
        out = [str(folder / "raw" / NAME)] if command[0] == "simulate" else []
        words += ["--", *command, *out]
        words += home.named(())
    done = home.run("tests.faults.commands_in_turn", *words, variables={"TZ": zone})
    assert done.returncode == 0
    return home


@pytest.fixture(scope="module")
def in_utc(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return run_in("UTC", tmp_path_factory.mktemp("utc") / "home")


@pytest.mark.fault
@pytest.mark.parametrize("zone", ZONES)
def test_a_run_publishes_the_same_bytes_in_every_time_zone(
    zone: str, in_utc: Home, tmp_path: Path
) -> None:
    home = run_in(zone, tmp_path / "home")
    assert tree(home.folder / "raw") == tree(in_utc.folder / "raw")
    published, expected = all_bytes(home.lake), all_bytes(in_utc.lake)
    assert any(path.startswith("lis/") for path in published)
    assert [path for path in published if published[path] != expected.get(path)] == []
    assert published == expected
