"""YAML that would not end, and values that are none: one line names the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.common.errors import InputError
from jobs.scenarios import load_scenario
from jobs.scenarios.yaml_file import MOST_BYTES, MOST_LEVELS, MOST_VALUES, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)
MERGES = "a0: &a0 {k: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}\n" for level in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (LAUGHS, f"line 4: more than {MOST_VALUES:,} values, aliases written out"),
        (MERGES, f"more than {MOST_VALUES:,} values, aliases written out"),
        ("a: &a [b, *a]\n", "line 1: *a is within what it stands for: write that out"),
        ("\na: &a {b: {c: *a}}\n", "line 2: *a is within what it stands for: write that out"),
        ("[" * 100_000, f"line 1: more than {MOST_LEVELS} levels deep"),
        ("- " * 100_000, f"line 1: more than {MOST_LEVELS} levels deep"),
        ("a: x\n" * 60_000, f"has more than {MOST_BYTES:,} bytes, which no scenario needs"),
        ("- x\n" * 20_000, f"line 10000: more than {MOST_VALUES:,} values"),
        ('a:\n  b: "x\\0y"\n', "line 2: U+0000 is no character of a text"),
        ('a: ["\\ud800"]\n', "line 1: U+D800 is no character of a text"),
        ('a: "\\U00110000"\n', "not valid YAML: chr() arg not in range"),
        ("a: 2026-13-45\n", "'2026-13-45' is no timestamp (month must be in 1..12); text is"),
        ("a: 0b_\n", "'0b_' is no int"),
        (f"a: {'9' * 5_000}\n", "is no int (Exceeds the limit"),
        ("a: 9223372036854775808\n", "'9223372036854775808' is no int (no number here is that"),
        ("a: !!bool maybe\n", "'maybe' is no bool"),
        ("a: !!timestamp soon\n", "'soon' is no timestamp"),
        ("a: !!python/name:os.system\n", "could not determine a constructor"),
        ("a: 1\nb: 2\na: 3\n", "'a' stands here and in line 1: keep one in"),
        ("a:\n  b: {c: 1, c: 1}\n", "'c' stands here and in line 2: keep one in"),
        ("a: b: c\n", "mapping values are not allowed here"),
        ("a: \xff\n".encode("latin-1"), "not valid YAML: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_what_is_no_scenario_s_yaml_is_one_line(
    content: str | bytes, line: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert line in message
    assert "\n" not in message
    assert len(message) < 500


def test_anchors_that_stand_for_little_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "base: &base {rate: 0.1, days: [1, 2]}\nother: {<<: *base, rate: 0.2}\nsame: *base\n"
    )
    days = [1, 2]
    assert read_yaml(path) == {
        "base": {"rate": 0.1, "days": days},
        "other": {"rate": 0.2, "days": days},
        "same": {"rate": 0.1, "days": days},
    }


def test_a_key_stands_twice_only_where_it_is_written_twice(tmp_path: Path) -> None:
    # The deeper mapping is built after the one that merges it.
    path = tmp_path / "own.yaml"
    path.write_text("a: &a {x: 1}\ndeep: [[&b {<<: *a, x: 2}]]\nc: {<<: *b, x: 3}\n")
    assert read_yaml(path) == {"a": {"x": 1}, "deep": [[{"x": 2}]], "c": {"x": 3}}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("threshold: .inf", "threshold"),
        ("horizons: [3651]", "horizons"),
        ("catch_up_days: 100000", "catch_up_days"),
        ("schedule: {start: 0001-01-01}", "schedule.start"),
        ("schedule: {start: 9999-12-31}", "schedule.start"),
        (f"name: {'x' * 101}", "name"),
        (f"{'x' * 900}: 1", "unknown key 'xxx"),
        (f"context: [{'x' * 900}]", "scenario: context field 'xxx"),
    ],
)
def test_what_would_leave_the_calendar_or_a_file_s_name_is_refused(
    line: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"source: {{reader: simulated}}\n{line}\n")
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    assert str(caught.value).startswith(f"{path}: {key}")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["x" * 5_000, "x" * 5_000 + ".yaml", "a/" * 3_000 + "x.yaml"])
def test_a_path_that_is_too_long_does_not_exist(name: str) -> None:
    with pytest.raises(InputError):
        load_scenario(name)
