"""What README and docs tell a reader to type works, and what they refer to exists."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from jobs.cli.parser import build_parser
from jobs.evaluation.figure import Figure
from jobs.evaluation.result import LisResult
from jobs.lake import Lake
from jobs.ranker.model.custom_network import new_network
from jobs.scenarios import load_scenario
from jobs.scenarios.custom_code import load_object
from jobs.stages.stage import Stage
from scripts import generate_docs

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
EVERYTHING = "\n".join(TEXTS.values())
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", EVERYTHING, flags=re.DOTALL | re.MULTILINE)
COMMANDS = sorted(
    {
        match[1].partition(" | ")[0]
        for language, block in BLOCKS
        if language in ("bash", "text")
        for line in block.replace("\\\n", " ").splitlines()
        if (match := re.match(r"(?:lis|.*-m jobs) +(.+)$", line))
    }
)
MENTIONED = sorted(set(re.findall(r"`lis ([a-z][^`]*)`", EVERYTHING)))
SCENARIO = "source: {reader: simulated}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_parsed(command: str) -> None:
    words = shlex.split(command, comments=True)
    assert build_parser().parse_args(words).command == words[0]


def test_commands_are_found() -> None:
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", MENTIONED)
def test_a_command_in_a_sentence_exists(command: str) -> None:
    parser: argparse.ArgumentParser | None = build_parser()
    for word in shlex.split(command):
        if word.startswith("-"):
            assert parser is not None
            assert word in parser.format_help()
            break
        if parser is not None:
            parser = _subcommand(parser, word)


def _subcommand(parser: argparse.ArgumentParser, word: str) -> argparse.ArgumentParser | None:
    """The parser of a subcommand; None for a parser that takes the word as a value."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert word in action.choices
            return action.choices[word]
        if not action.option_strings and action.choices is not None:
            assert word in action.choices
    return None


def test_the_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 200


def test_generated_parts_are_current() -> None:
    assert generate_docs.main(["--check"]) == 0


def test_every_part_is_on_a_page() -> None:
    assert set(re.findall(r"<!-- generated: (\w+) -->", EVERYTHING)) == set(generate_docs.PARTS)


def test_a_stale_part_is_replaced() -> None:
    stale = "before\n<!-- generated: kinds -->\noutdated\n<!-- end -->\nafter\n"
    new = generate_docs.current(stale)
    assert "outdated" not in new
    assert "`id_embedding`" in new
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")


@pytest.mark.parametrize("page", TEXTS)
def test_every_relative_link_exists(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXTS[page])
    relative = [link for link in links if not re.match(r"https?:", link)]
    folder = (ROOT / page).parent
    assert [link for link in relative if not (folder / link).is_file()] == []


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    home = (tmp_path / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\" >]+)", home)
    assert loaded == []


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", EVERYTHING, flags=re.MULTILINE))
    assert {"demo", "test", "setup", "up", "check", "docs"} <= named
    assert named <= targets


def test_every_named_module_exists() -> None:
    named = set(re.findall(r"python -m ([a-z_.]+)", EVERYTHING))
    assert [module for module in named if find_spec(module) is None] == []


def test_every_named_file_exists() -> None:
    named = set(re.findall(r"`((?:dags|jobs|plugins|scripts|tests)/[\w/.-]*\w)`", EVERYTHING))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_folder_of_jobs_is_in_the_tree() -> None:
    folders = [path.parent.name for path in (ROOT / "jobs").glob("*/__init__.py")]
    tree = TEXTS["README.md"].split("## Finding your way")[1]
    assert [name for name in folders if f"  {name}/" not in tree] == []


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-docs.txt"])
def test_every_direct_dependency_is_explained(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pinned = [line.split("==")[0] for line in lines if "==" in line and not line.startswith("#")]
    cells = re.findall(r"^\| ([^|]+) \|", TEXTS["docs/dependencies.md"], flags=re.MULTILINE)
    listed = {name for cell in cells for name in cell.split(", ")}
    assert [name for name in pinned if name not in listed] == []


def test_every_environment_variable_is_explained() -> None:
    internal = {"LIS_DIE_WITH_PARENT"}
    read = re.compile(r"environ(?:\.get\(|\.setdefault\(|\[)\s*\"(LIS_\w+)\"")
    sources = [*(ROOT / "jobs").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    found = {name for path in sources for name in read.findall(path.read_text(encoding="utf-8"))}
    assert {"LIS_DATA", "LIS_LAKE"} <= found
    page = TEXTS["docs/configuration.md"]
    assert [name for name in sorted(found - internal) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("example", [block for language, block in BLOCKS if language == "yaml"])
def test_an_example_of_a_scenario_can_be_loaded(tmp_path: Path, example: str) -> None:
    path = tmp_path / "my_feed.yaml"
    keys = yaml.safe_load(example)
    path.write_text(example if "source" in keys else SCENARIO + example, encoding="utf-8")
    scenario = load_scenario(str(path))
    assert {*keys} <= scenario.model_fields_set


def test_every_column_of_a_result_is_explained() -> None:
    columns = {field.name for field in fields(LisResult)} - {"figures"}
    page = TEXTS["docs/figures.md"]
    assert [name for name in sorted(columns) if f"`{name}`" not in page] == []


def test_the_example_of_a_network_can_be_trained(tmp_path: Path) -> None:
    (tmp_path / "my_network.py").write_text(_example("class MyNetwork"), encoding="utf-8")
    path = tmp_path / "my_feed.yaml"
    path.write_text(SCENARIO + 'ranker: {network: "my_network.py:MyNetwork"}\n', encoding="utf-8")
    options = load_scenario(str(path)).ranker
    assert new_network(fields=5, item_field=1, options=options).head.out_features == 1


def test_the_example_of_a_figure_has_a_column() -> None:
    found: dict[str, Figure] = {}
    exec(_example("click_rate = Figure("), found)
    assert found["click_rate"].columns == ("click_rate",)


def test_the_example_of_a_stage_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "count_stage.py").write_text(_example("COUNT = Stage("), encoding="utf-8")
    stage = load_object(f"{tmp_path / 'count_stage.py'}:COUNT")
    assert isinstance(stage, Stage)
    caplog.set_level("INFO")
    stage.run(Lake(str(tmp_path / "lake")), load_scenario("simulated_feed"), stage.options())
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("code", "printed"),
    [("load_scenario, read_results", "verdict"), ("import compare_scores", "worth aligning")],
)
def test_an_example_of_the_api_runs(
    code: str,
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    exec(_example(code), {})
    assert printed in capsys.readouterr().out


def _example(code: str) -> str:
    """The one Python block with this code."""
    (example,) = (block for language, block in BLOCKS if language == "python" and code in block)
    return example
