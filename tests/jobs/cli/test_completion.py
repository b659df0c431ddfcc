"""A shell completes commands, scenarios, kinds of preference data and modes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import argcomplete
import pytest

from jobs.cli.completion import SHELLS
from jobs.cli.main import main
from jobs.cli.parser import build_parser
from jobs.preference import preference_kinds
from jobs.scenarios import shipped_scenarios


def completions(line: str) -> list[str]:
    """What may stand at the end of a line."""
    _, prefix, _, words, _ = argcomplete.split_line(line)
    finder = argcomplete.CompletionFinder(build_parser(), always_complete_options=False)
    return finder._get_completions(words, prefix, "", None)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("lis tr", ["train "]),
        ("lis scenario ", ["new", "check"]),
        ("lis train --scenario simulated_f", ["simulated_feed "]),
        ("lis lis --preference id_", ["id_embedding "]),
        ("lis lis --preference next_click,id_", ["next_click,id_embedding "]),
        ("lis lis --mode swap,", ["swap,swap", "swap,probe", "swap,retrain"]),
        ("lis completion z", ["zsh "]),
    ],
)
def test_a_line_is_completed(line: str, found: list[str]) -> None:
    assert completions(line) == found


def test_all_scenarios_and_those_of_the_folder_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_feed.yaml").touch()
    assert {*completions("lis lis --scenario ")} == {*shipped_scenarios(), "my_feed.yaml"}
    assert {*completions("lis scenario check ")} >= {*shipped_scenarios(), "my_feed.yaml"}


def test_all_kinds_are_offered() -> None:
    assert completions("lis lis --preference ") == [kind.name for kind in preference_kinds()]


def test_a_shell_that_asks_is_answered_by_the_command(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    line = "lis train --scenario movie"
    environment = {**os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n"}
    environment |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    environment |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    lis = str(Path(sys.executable).with_name("lis"))
    done = subprocess.run([lis], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert answer.read_text() == "movietweetings"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "lis" in script
    assert {"bash": "complete ", "zsh": "compdef ", "fish": "complete -"}[shell] in script


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "tcsh"])
    assert "write one of bash, zsh, fish" in capsys.readouterr().err
