"""Kinds are found by name: built-in, installed, and custom kinds of a scenario."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.cli.main import main
from jobs.common.errors import InputError
from jobs.preference import is_custom, leak_phrase, preference_kind, preference_kinds
from jobs.scenarios import Scenario, load_scenario

USERS = "id_embedding_user_id"
"""A scenario has a kind for every embedding slot of its ranker."""

BUILT_IN = [
    "co_click_embedding",
    "content_vector",
    "future_popularity",
    "id_embedding",
    "next_click",
    "semantic_ids",
    "similar_items",
    "similar_items_cosine",
]
PARTS = {
    "name": "'mine'",
    "summary": "'clicks of each hour'",
    "keyed_by": "'item'",
    "takes": "'vector'",
    "modes": "('retrain',)",
    "eval_rows_seen": "'no'",
    "build": "lambda self, behaviour: behaviour.events",
}


def source(changes: Mapping[str, str | None] | None = None) -> str:
    parts = {**PARTS, **(changes or {})}
    lines = [f"    {part} = {value}" for part, value in parts.items() if value is not None]
    return "\n".join(["class Mine:", *lines, ""])


def scenario_with(folder: Path, custom: list[Any], code: str | None = None) -> Scenario:
    """A scenario in a YAML file, with the user's code beside it."""
    if code is not None:
        (folder / "mine.py").write_text(code)
    content = {"source": {"reader": "simulated"}, "custom_preferences": custom}
    (folder / "feed.yaml").write_text(yaml.safe_dump(content))
    return load_scenario(str(folder / "feed.yaml"))


def install(folder: Path, entry: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a distribution as pip does, to a folder of the path."""
    site = folder / "site"
    about = site / "their_kinds-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-kinds\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[lis.preference_kinds]\n{entry}\n")
    (site / f"{folder.name}_kinds.py").write_text(code)
    monkeypatch.syspath_prepend(str(site))


def names(scenario: Scenario | None = None) -> list[str]:
    return [kind.name for kind in preference_kinds(scenario)]


def test_all_built_in_kinds_are_found() -> None:
    assert names() == BUILT_IN
    assert not any(is_custom(kind) for kind in preference_kinds())
    for name in BUILT_IN:
        assert preference_kind(name).name == name


def test_for_a_misspelt_kind_the_nearest_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'next_click'"):
        preference_kind("next_clik")
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source())
    with pytest.raises(
        InputError, match=r"did you mean 'mine'\? available: co_click_embedding, .*, mine$"
    ):
        preference_kind("mime", scenario)


@pytest.mark.parametrize("reference", ["Mine", "AN_INSTANCE"])
def test_a_file_beside_the_scenario_brings_a_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code = source() + "\nAN_INSTANCE = Mine()\n"
    scenario = scenario_with(tmp_path, [f"mine.py:{reference}"], code)
    assert names(scenario) == [*BUILT_IN, USERS, "mine"]
    assert is_custom(preference_kind("mine", scenario))
    assert names() == BUILT_IN


def test_a_module_brings_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_module_of_kinds.py").write_text(source())
    monkeypatch.syspath_prepend(str(tmp_path))
    scenario = scenario_with(tmp_path, ["their_module_of_kinds:Mine"])
    assert preference_kind("mine", scenario).summary == "clicks of each hour"


def test_a_built_in_kind_with_other_options_is_a_custom_kind(tmp_path: Path) -> None:
    code = (
        "from jobs.preference.kinds.similar_items import SimilarItems\n"
        "TEN = SimilarItems(name='ten_similar', top=10)\n"
    )
    scenario = scenario_with(tmp_path, ["mine.py:TEN"], code)
    assert is_custom(preference_kind("ten_similar", scenario))


def test_an_installed_package_brings_a_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"{tmp_path.name}_kinds"
    install(tmp_path, f"theirs = {module}:Mine", source({"name": "'theirs'"}), monkeypatch)
    assert names() == [*BUILT_IN, "theirs"]
    assert is_custom(preference_kind("theirs"))
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source())
    assert names(scenario) == [*BUILT_IN, USERS, "theirs", "mine"]
    sys.modules.pop(module)


def test_a_broken_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "raise RuntimeError('no\\nluck')\n"
    install(tmp_path, f"theirs = {tmp_path.name}_kinds:Mine", code, monkeypatch)
    line = (
        r"^entry point theirs of their-kinds cannot be imported \(RuntimeError: no luck\): "
        "correct or uninstall their-kinds$"
    )
    with pytest.raises(InputError, match=line):
        preference_kinds()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_missing_is_named(tmp_path: Path, part: str) -> None:
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source({part: None}))
    with pytest.raises(InputError, match=rf"mine\.py:Mine has no {part}: it must be "):
        preference_kinds(scenario)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", "'My Kind'"),
        ("summary", "' '"),
        ("keyed_by", "'user'"),
        ("takes", "['vector']"),
        ("modes", "('leak',)"),
        ("modes", "('retrain')"),
        ("modes", "()"),
        ("eval_rows_seen", "False"),
        ("build", "None"),
    ],
)
def test_a_part_that_is_wrong_is_named(tmp_path: Path, part: str, value: str) -> None:
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source({part: value}))
    with pytest.raises(InputError, match=rf"mine\.py:Mine: {part} is .*, must be "):
        preference_kinds(scenario)


@pytest.mark.parametrize("phrase", ["'in {'", "'in {weeks}'", "' '", "7"])
def test_a_phrase_that_is_wrong_is_named(tmp_path: Path, phrase: str) -> None:
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source({"phrase": phrase}))
    with pytest.raises(InputError, match=r"mine\.py:Mine: phrase is .*, must be a noun phrase"):
        preference_kinds(scenario)


def test_lists_cannot_be_swapped(tmp_path: Path) -> None:
    parts = {"takes": "'items'", "modes": "('swap', 'retrain')"}
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source(parts))
    with pytest.raises(InputError, match=r"mine\.py:Mine: modes name swap, .*: leave swap out"):
        preference_kinds(scenario)


@pytest.mark.parametrize(
    ("code", "reference", "line"),
    [
        (None, "mine.py:Mine", r"there is no file mine\.py"),
        (source(), "mine.py:Yours", r"mine\.py has no class Yours"),
        ("import no_such_package\n", "mine.py:Mine", r"mine\.py cannot be imported: Module.*"),
        (
            source({"__init__": "lambda self, top: None"}),
            "mine.py:Mine",
            r"mine\.py:Mine cannot be created without arguments \(TypeError: .*: give each",
        ),
        (None, "no.such.module:Mine", r"there is no module no\.such\.module"),
    ],
)
def test_code_that_cannot_be_used_is_named(
    tmp_path: Path, code: str | None, reference: str, line: str
) -> None:
    scenario = scenario_with(tmp_path, [reference], code)
    with pytest.raises(InputError, match=line) as refused:
        preference_kinds(scenario)
    assert "\n" not in str(refused.value)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source({"name": "'next_click'"}))
    line = r"'next_click' is defined by the project and by .*mine\.py:Mine: rename one"
    with pytest.raises(InputError, match=line):
        preference_kinds(scenario)
    table = {"name": "mine", "path": "vectors.parquet", "vector": "embedding"}
    scenario = scenario_with(tmp_path, ["mine.py:Mine", table], source())
    line = r"'mine' is defined by .*mine\.py:Mine and by table vectors\.parquet: rename one"
    with pytest.raises(InputError, match=line):
        preference_kinds(scenario)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("mine.py", r"custom_preferences\.0: .*pattern.*got 'mine\.py'"),
        (
            {"name": "mine", "path": "x", "vectr": "v"},
            r"unknown key 'custom_preferences\.0\.vectr'",
        ),
        ({"name": "mine", "path": "x"}, r"custom_preferences\.0: needs one column of values"),
    ],
)
def test_an_entry_of_the_scenario_that_is_wrong_is_named(
    tmp_path: Path, entry: object, line: str
) -> None:
    with pytest.raises(InputError, match=line):
        scenario_with(tmp_path, [entry])


def test_the_list_marks_custom_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {"name": "tags", "path": "tags.parquet", "items": "alike"}
    scenario_with(tmp_path, ["mine.py:Mine", table], source())
    assert main(["preference", "list"]) == 0
    built_in = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in built_in] == BUILT_IN
    assert main(["preference", "list", "--scenario", str(tmp_path / "feed.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(BUILT_IN)] == built_in
    assert [" ".join(line.split()) for line in lines[len(BUILT_IN) :]] == [
        "id_embedding_user_id keyed by user_id takes vector modes swap, retrain, probe "
        "the user_id embedding that the ranker will have n days later",
        "mine keyed by item takes vector modes retrain custom: clicks of each hour",
        "tags keyed by item takes items modes retrain, probe "
        "custom: lists of items from tags.parquet",
    ]


def test_reports_describe_kinds_by_their_phrase(tmp_path: Path) -> None:
    assert leak_phrase("next_click", "1 day") == "the item that the user clicks next, within 1 day"
    parts = {"phrase": "'the hours of clicks in the next {days}'"}
    scenario = scenario_with(tmp_path, ["mine.py:Mine"], source(parts))
    assert leak_phrase("mine", "7 days", scenario) == "the hours of clicks in the next 7 days"
    users = "the user_id embeddings that the ranker will hold 7 days later"
    assert leak_phrase(USERS, "7 days", scenario) == users


def test_reports_describe_a_kind_that_no_longer_exists(tmp_path: Path) -> None:
    gone = "the preference data “gone” as available 7 days later"
    assert leak_phrase("gone", "7 days") == gone
    scenario = scenario_with(tmp_path, ["mine.py:Mine"])
    assert leak_phrase("gone", "7 days", scenario) == gone
    assert leak_phrase("next_click", "7 days", scenario).endswith("within 7 days")
