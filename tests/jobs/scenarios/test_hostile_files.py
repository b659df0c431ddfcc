"""Files of scenarios that no one should write: each is a scenario, or one line names the file."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.common.errors import InputError, one_line
from jobs.scenarios import Scenario, load_scenario
from jobs.scenarios.load import SHIPPED
from tests import hostile

FULL, FEW = 10_000, 200
TABLE = """\
name: own_feed
title: Own feed
source:
  reader: table
  path: log/{ds}.csv
  raw: /data/$HOME
  format: {kind: csv, delimiter: ",", header: true, encoding: utf-8}
  columns: {user_id: u, item_id: i, ts: t, label: l, context: {place: p}}
  ids: string
  ts_unit: s
  null_values: ["", none]
  label: {at_least: 4}
  items: {path: items.csv, item_id: i, title: t, category: c}
context: [place, hour]
folds: {lineage: 0.8, fit: 0.1, eval: 0.1}
horizons: [7, 30]
preferences: [id_embedding, next_click]
slot: item_id
modes: [swap, probe]
lookback_days: 28
threshold: 0.001
custom_preferences:
  - {name: mine, path: mine.parquet, vector: v}
fit: {days: 28}
retrain: {seeds: 3}
worth: {auc_point: 1000, alignment: 20000, unit: EUR}
ranker: {embedding_dim: 16, hidden_units: [64, 32], network: null}
schedule: {cron: "0 2 * * *", start: 2026-01-01, late_days: 3}
retention: {quarantine_days: 90}
alignment: {encoder: {name: small}, training: {loss: null}}
"""
VALID = [TABLE, *(path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.yaml")))]
PIECES = (
    "&a ",
    "*a",
    "&a [*a]",
    "<<: *a",
    "<<: 3",
    "!!timestamp x",
    "!!int ''",
    "!!float x",
    "!!bool x",
    "!!binary '*'",
    "!!python/object:os.system x",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!x y",
    "%YAML 9.9\n---\n",
    "---\n",
    "...\n",
    "? [a]\n: b\n",
    "? {a: 1}\n: b\n",
    "2026-13-45",
    "2026-01-01T25:00:00",
    "0000-00-00",
    "0b_",
    "0x_",
    "1:99:99",
    ".inf",
    ".nan",
    "-.inf",
    "9" * 5_000,
    "1e999",
    '"\\0"',
    '"\\ud800"',
    '"\\U00110000"',
    "'",
    '"',
    "[",
    "{",
    "]",
    "- ",
    "\t",
    "\0",
    "|\n",
    ">\n",
    "#",
    "[" * 3_000,
    "{a: " * 500,
    "- " * 2_000,
    "x" * 20_000,
)
CONTENTS: dict[str, dict[str, Any]] = {text: yaml.safe_load(text) for text in VALID}
Change = Callable[[random.Random, str], bytes]


def with_another_value(chance: random.Random, text: str) -> bytes:
    """A value somewhere replaced, removed, renamed, wrapped or doubled."""
    content = deepcopy(CONTENTS[text])
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        parent, key = chosen_place(chance, content)
        match chance.randrange(6):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[hostile.text(chance)] = parent.pop(key)
            case 2:
                parent[key] = [parent[key]] * chance.choice((1, 2, 300))
            case 3:
                parent[key] = {hostile.text(chance): parent[key], 3: None}
            case _:
                parent[key] = other_value(chance)
    return yaml.safe_dump(content, allow_unicode=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def chosen_place(chance: random.Random, content: dict[str, Any]) -> tuple[Any, Any]:
    parent: Any = content
    key = chance.choice(list(content) or [content.setdefault("name", "a")])
    while isinstance(parent[key], dict | list) and parent[key] and chance.random() < 0.8:
        parent = parent[key]
        key = chance.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    return parent, key


def other_value(chance: random.Random) -> object:
    numbers = (0, -1, 1, 2**31, 2**63 - 1, 2**64, -(2**64), 1e308, float("inf"), float("nan"), 0.5)
    kinds: tuple[Callable[[], object], ...] = (
        lambda: hostile.text(chance),
        lambda: chance.choice(numbers),
        lambda: chance.choice((None, True, False, [], {}, [[]], {"a": {"b": 1}}, b"x", {1, 2})),
        lambda: yaml.safe_load("2026-01-01") if chance.random() < 0.5 else hostile.day(chance),
        lambda: chance.choice(("os:path", "this_is_no_module:X", "gone.py:X", ":", "a:b:c")),
    )
    return chance.choice(kinds)()


def with_a_piece_of_yaml(chance: random.Random, text: str) -> bytes:
    """Pieces of YAML put somewhere into the text."""
    for _ in range(chance.choice((1, 1, 2, 6))):
        places = [0, len(text), *(at + 1 for at, one in enumerate(text) if one in " \n:[{,")]
        at = chance.choice(places)
        text = text[:at] + chance.choice(PIECES) + text[at:]
    return text.encode()


def with_other_bytes(chance: random.Random, text: str) -> bytes:
    """Bytes flipped, cut, doubled, or the whole in another encoding."""
    content = bytearray(text.encode(chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "cp037"))))
    for _ in range(chance.choice((0, 1, 3, 30))):
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content)) :]
    if chance.random() < 0.2:
        content *= chance.choice((2, 3, 400))
    return bytes(content)


CHANGES: tuple[Change, ...] = (with_another_value, with_a_piece_of_yaml, with_other_bytes)


def use(path: Path) -> str:
    """Read a scenario as every command and DAG file does; the line that refuses it, if any."""
    try:
        scenario = load_scenario(str(path))
    except InputError as error:
        return str(error)
    assert isinstance(scenario, Scenario)
    assert isinstance(scenario.source.raw, str | None)
    return ""


@pytest.mark.parametrize("part", range(hostile.count(20, 1)))
def test_a_hostile_file_is_a_scenario_or_one_line_that_names_it(part: int, tmp_path: Path) -> None:
    cases = hostile.count(FULL, FEW) // hostile.count(20, 1)
    refused = 0
    path = tmp_path / "own_feed.yaml"
    for case in range(part * cases, (part + 1) * cases):
        chance = hostile.number_of(case)
        path.write_bytes(chance.choice(CHANGES)(chance, chance.choice(VALID)))
        line = use(path)
        if line:
            refused += 1
            assert line.startswith(f"{path}: "), case
            assert hostile.is_clean(one_line(line)), case
            assert "\n" not in line, case
            assert len(line) < 1_000, (case, line)
    assert cases / 3 < refused < cases
