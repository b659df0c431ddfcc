"""A stored table is stale as soon as code that it was computed with changes, and only then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in another folder."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digests(folder: Path) -> dict[str, str]:
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


def changed(original: Path, folder: Path, file: str, old: str, new: str) -> set[str]:
    """Names of the kinds with another digest after an edit of a file in a copy."""
    shutil.copytree(original, folder)
    path = folder / "jobs" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    now = digests(folder)
    return {kind.name for kind in built_in_kinds() if now[kind.name] != kind_digest(kind)}


def test_another_folder_changes_nothing(original: Path) -> None:
    assert digests(original) == {kind.name: kind_digest(kind) for kind in built_in_kinds()}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("preference/co_clicks.py", "<= clicks_a_user", "< clicks_a_user", CO_CLICKS),
        ("preference/co_clicks.py", '"""Items that', '"""All items that', set()),
        ("preference/kinds/next_click.py", "F.lit(1).cast", "F.lit(2).cast", {"next_click"}),
        ("preference/kinds/next_click.py", "# From the", "# Sorted from the", set()),
        ("preference/build_tables.py", 'how="left_semi"', 'how="inner"', ALL),
        ("lake/schemas.py", "import pyarrow as pa", "import pyarrow as pa\nEDITED = 1", ALL),
    ],
)
def test_an_edit_changes_the_kinds_that_use_the_code(
    original: Path, tmp_path: Path, file: str, old: str, new: str, expected: set[str]
) -> None:
    assert changed(original, tmp_path / "edited", file, old, new) == expected


def test_options_count_and_descriptions_do_not() -> None:
    kind = SimilarItems()
    assert kind_digest(SimilarItems(top=6)) != kind_digest(kind)
    described = SimilarItems(summary="similar", phrase="similar items", docs="Similar.")
    assert kind_digest(described) == kind_digest(kind)
