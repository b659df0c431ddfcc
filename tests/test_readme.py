"""What the README says can be typed, can be typed; what it lists, is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from jobs.cli.parser import build_parser
from jobs.scenarios import load_scenario

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:bash|text|yaml)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = sorted(
    line for block in BLOCKS for line in block.splitlines() if line.startswith("python -m jobs")
)
SPELLED_OUT = {
    "T[:T2]": "2026-01-25:2026-01-31",
    "KIND,…": "id_embedding",
    "DIR": "feed",
    "PATH": "log",
    "S": "simulated_feed",
    "N": "3",
    "R": "100",
    "X": "1",
    "D": "2026-01-31",
    "T": "2026-01-31",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    plain = re.sub(r"(?<!T)[\[\]]|\](?=\s|$)", "", command.replace("T[:T2]", "AS_OF"))
    words = [SPELLED_OUT.get(w, w) for w in shlex.split(plain.replace("AS_OF", "T[:T2]"))]
    options = build_parser().parse_args(words[3:])
    assert options.command == words[3]


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) >= 9


def test_the_example_of_a_scenario_can_be_read(tmp_path: Path) -> None:
    example = next(block for block in BLOCKS if block.startswith("# my_feed.yaml"))
    path = tmp_path / "my_feed.yaml"
    path.write_text(example, encoding="utf-8")
    assert load_scenario(str(path)).context == ("hour", "device")


def test_every_make_target_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`?\bmake ([a-z]+)\b`?", README)) - {"them", "sure"}
    assert {"demo", "test", "up", "check"} <= named
    assert named <= targets


def test_every_direct_dependency_earns_its_line() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = [line.split("==")[0] for line in lines if line and not line.startswith("#")]
    table = README.split("## What it stands on")[1].split("## ")[0]
    assert [name for name in pinned if name not in table] == []


def test_every_picture_is_there() -> None:
    for path in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (ROOT / path).is_file(), path
