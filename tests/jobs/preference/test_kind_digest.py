"""A stored table is stale as soon as code that it was computed with changes, and only then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.common import code_digest as module
from jobs.preference import built_in_kinds
from jobs.preference.build_tables import kind_digest
from jobs.preference.kinds.similar_items import SimilarItems

ROOT = Path(__file__).parents[3]
CODE = """
import json
from jobs.preference import built_in_kinds
from jobs.preference.build_tables import kind_digest
print(json.dumps({kind.name: kind_digest(kind) for kind in built_in_kinds()}))
"""
CO_CLICKS = {"similar_items", "similar_items_cosine", "co_click_embedding"}
ALL = {kind.name for kind in built_in_kinds()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in another folder."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def project(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The copy, as the code that is running. To edit it in one process, files are parsed once."""
    monkeypatch.setattr(module, "PROJECT", copy)
    yield copy
    module.code_digest.cache_clear()


def digests() -> dict[str, str]:
    module.code_digest.cache_clear()
    return {kind.name: kind_digest(kind) for kind in built_in_kinds()}


def digests_of_another_process(folder: Path) -> dict[str, str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(run.stdout)
    return found


def changed(path: Path, old: str, new: str) -> set[str]:
    """Names of the kinds that have another digest while a file is edited."""
    before, text = digests(), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    now = digests()
    path.write_text(text)
    return {name for name in before if now[name] != before[name]}


def test_another_folder_changes_nothing(copy: Path) -> None:
    assert digests_of_another_process(copy) == digests()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("preference/co_clicks.py", "<= clicks_a_user", "< clicks_a_user", CO_CLICKS),
        ("preference/co_clicks.py", '"""Items that', '"""All items that', set()),
        ("spark/session.py", "# An upper bound", "# A bound", set()),
        ("preference/build_tables.py", 'how="left_semi"', 'how="inner"', ALL),
        ("lake/schemas.py", "import pyarrow as pa", "import pyarrow as pa\nEDITED = 1", ALL),
    ],
)
def test_an_edit_changes_the_kinds_that_use_the_code(
    project: Path, file: str, old: str, new: str, expected: set[str]
) -> None:
    assert changed(project / "jobs" / file, old, new) == expected


def test_an_edit_of_the_file_of_a_kind_changes_this_kind(copy: Path) -> None:
    """A kind says itself where its file is, so it has to be imported from the copy."""
    file = copy / "jobs" / "preference" / "kinds" / "next_click.py"
    text = file.read_text()
    assert "F.lit(1).cast" in text
    file.write_text(text.replace("F.lit(1).cast", "F.lit(2).cast"))
    now = digests_of_another_process(copy)
    file.write_text(text)
    assert {name for name, digest in digests().items() if now[name] != digest} == {"next_click"}


def test_options_count_and_descriptions_do_not() -> None:
    kind = SimilarItems()
    assert kind_digest(SimilarItems(top=6)) != kind_digest(kind)
    described = SimilarItems(summary="similar", phrase="similar items", docs="Similar.")
    assert kind_digest(described) == kind_digest(kind)
