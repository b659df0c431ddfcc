"""Command lines that no one should type: each is a result, or one line and exit code 2."""

from __future__ import annotations

import io
import logging
import random
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from jobs.cli.command import Command, CommandGroup
from jobs.cli.commands import COMMANDS
from jobs.cli.main import main
from jobs.cli.parser import build_parser
from jobs.common.options import Option, declared_options
from tests import hostile
from tests.jobs.cli.test_main import LOG_LINE

FULL, FEW = 2_000, 120
TABLE = """\
source:
  reader: table
  path: log.csv
  format: {kind: csv}
  ids: string
  ts_unit: s
  columns: {user_id: u, item_id: i, ts: t, label: l}
"""
SIMULATED = """\
source:
  reader: simulated
  options: {users: 20, rows_per_day: 50, new_items_per_day: 5, start: 2026-01-01}
context: [hour]
horizons: [2, 5]
"""
COMMON = {
    "preference": ("id_embedding", "next_click", "id_embedding,id_embedding", "placebo"),
    "mode": ("swap", "probe", "retrain", "lineage", "swap,swap"),
    "slot": ("item_id", "user_id", "auto", "hour"),
    "horizons": ("7", "0", "3650", "7,30", "0,1"),
    "due": ("7@2026-01-24", "3650@2199-12-31", "0@1900-01-01"),
    "column": ("user_id=u", "user=u", "nothing=u"),
    "head": ("raw", "codes"),
}
"""Values that some options take, by name."""
WRITTEN = ("log.csv", "nothing.parquet", ".", "impressions/scenario=tiny_feed/ds=2026-01-01")


def commands() -> Iterator[tuple[list[str], Command[Any]]]:
    """Every command, with the words that choose it."""
    for command in COMMANDS:
        if isinstance(command, CommandGroup):
            yield from (([command.name, one.name], one) for one in command.commands())
        else:
            yield [command.name], command


ALL = list(commands())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with scenarios and logs, and an empty lake, so that nothing takes long."""
    for name in ("LIS_LAKE", "LIS_RAW", "LIS_DIE_WITH_PARENT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # Building the parser takes longer than all else of most command lines.
    monkeypatch.setattr("jobs.cli.main.build_parser", cache(build_parser))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_feed.yaml").write_text(TABLE)
    (tmp_path / "tiny_feed.yaml").write_text(SIMULATED)
    (tmp_path / "broken.yaml").write_text("source: [")
    (tmp_path / "log.csv").write_text("u,i,t,l\na,b,1767225600,1\n")
    (tmp_path / "nothing.parquet").write_bytes(b"")
    return tmp_path


def value(chance: random.Random, name: str, option: Option) -> str:
    """A value of an option: one that it takes, one of another option, or none at all."""
    if name == "scenario" and chance.random() < 0.8:
        return chance.choice(("tiny_feed.yaml", "tiny_feed.yaml", "own_feed.yaml", "broken.yaml"))
    if chance.random() < 0.3:
        return hostile.text(chance)
    if name in COMMON:
        return chance.choice(COMMON[name])
    if "day" in option.help or name in ("start", "end", "until", "since", "as_of"):
        return hostile.days(chance)
    if name in ("raw", "out", "log", "predictions", "partition", "scenario"):
        return chance.choice((*WRITTEN, *hostile.PATHS))
    return chance.choice(hostile.NUMBERS)


def command_line(chance: random.Random) -> list[str]:
    words, command = chance.choice(ALL)
    words = list(words)
    for name, option in declared_options(command.options).items():
        given = option.required or chance.random() < 0.4
        if not given or chance.random() < 0.03:
            continue
        flag = f"--{name.replace('_', '-')}"
        if option.parse is None:
            words.append(flag)
        elif option.is_positional:
            words.append(value(chance, name, option))
        else:
            text = value(chance, name, option)
            words += [f"{flag}={text}"] if chance.random() < 0.8 else [flag, text]
    if chance.random() < 0.1:
        words.insert(chance.randrange(len(words) + 1), hostile.text(chance))
    return words


def run(words: list[str]) -> tuple[int, list[str]]:
    """Exit code of a command line, and the lines of its standard error that are no log."""
    errors = io.StringIO()
    with redirect_stderr(errors), redirect_stdout(io.StringIO()):
        try:
            code = main(words)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    return code, [line for line in errors.getvalue().splitlines() if not LOG_LINE.match(line)]


@pytest.mark.parametrize("part", range(hostile.count(20, 1)))
def test_a_hostile_command_line_is_a_result_or_one_line(part: int, folder: Path) -> None:
    logging.getLogger("jobs").setLevel(logging.CRITICAL)
    cases = hostile.count(FULL, FEW) // hostile.count(20, 1)
    refused = 0
    for case in range(part * cases, (part + 1) * cases):
        words = command_line(hostile.number_of(case))
        shown = shlex.join(one if len(one) < 60 else f"{one[:60]}…" for one in words)
        code, lines = run(words)
        assert code in (0, 2), (case, shown, lines)
        if code == 2:
            refused += 1
            [line] = lines
            assert line.startswith("error: "), (case, shown, line)
            assert hostile.is_clean(line), (case, shown, line)
    assert refused > cases / 2
