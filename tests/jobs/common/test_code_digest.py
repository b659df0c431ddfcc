"""The digest follows the code that runs, through every import, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.common import code_digest as module
from jobs.common.code_digest import code_digest, file_code_digest

START = "jobs.room.start"
TREE = {
    "jobs/__init__.py": "",
    "jobs/room/__init__.py": "import jobs.room.passed_through\n",
    "jobs/room/start.py": (
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "import numpy as np\n"
        "from jobs.room.direct import value\n"
        "from jobs.other import of_package\n"
        "if TYPE_CHECKING:\n"
        "    from jobs.room.typed import Type\n"
        "    from jobs.room import late\n"
        "else:\n"
        "    late = lazy_module('jobs.room.late')\n"
        "def run(x: Type) -> float:\n"
        "    from jobs.room.inside import more\n"
        "    return more(x)\n"
    ),
    "jobs/room/direct.py": "import jobs.room.through_others\nvalue = 1\n",
    "jobs/room/through_others.py": "from jobs.room import submodule\n",
    "jobs/room/submodule.py": "value = 1\n",
    "jobs/room/late.py": "value = 1\n",
    "jobs/room/inside.py": "def more(x): return x + 1\n",
    "jobs/room/typed.py": "class Type: pass\n",
    "jobs/room/passed_through.py": "value = 1\n",
    "jobs/room/unrelated.py": "from jobs.room.start import run\n",
    "jobs/other/__init__.py": "from jobs.other.part import of_package\n",
    "jobs/other/part.py": "of_package = 1\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tree above in a folder, taken for the project."""
    for name, text in TREE.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(module, "PROJECT", tmp_path / "project")
    yield tmp_path / "project"
    code_digest.cache_clear()


def digest() -> str:
    code_digest.cache_clear()
    return code_digest(START)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    "name",
    [
        "room/start.py",
        "room/direct.py",
        "room/through_others.py",
        "room/submodule.py",
        "room/late.py",
        "room/inside.py",
        "other/__init__.py",
        "other/part.py",
    ],
)
def test_an_edit_of_code_that_is_imported_changes_it(project: Path, name: str) -> None:
    before = digest()
    append(project / "jobs" / name, "\nANOTHER = 2\n")
    assert digest() != before


@pytest.mark.parametrize(
    "name", ["room/typed.py", "room/unrelated.py", "room/passed_through.py", "room/__init__.py"]
)
def test_an_edit_of_other_code_does_not(project: Path, name: str) -> None:
    before = digest()
    append(project / "jobs" / name, "\nANOTHER = 2\n")
    assert digest() == before


@pytest.mark.parametrize(
    ("code", "edited", "is_same"),
    [
        ("x = 1\n", "# Why.\nx = 1  # And how.\n", True),
        ("x = 1\n", '"""A module."""\nx = 1\n"""A constant."""\n', True),
        ("def f():\n    return 1\n", 'def f():\n    """One."""\n\n    return 1\n', True),
        ("def f():\n    pass\n", "def f():  \n        pass\n", True),
        ("x = Field(1, description='a')\n", "x = Field(1, description='b')\n", True),
        ("x = Field(1, gt=0)\n", "x = Field(1, gt=1)\n", False),
        ("x = f(description='a')\n", "x = f(description='b')\n", False),
        ("x = 'a'\n", "x = 'b'\n", False),
        ("def f():\n    return 1\n", "def f():\n    return 2\n", False),
        ("if t.TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2\n", "x = 2\n", True),
        ("if TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2\n", "x = 1\n", False),
    ],
)
def test_prose_does_not_count_and_code_does(
    project: Path, code: str, edited: str, is_same: bool
) -> None:
    path = project / "jobs" / "room" / "direct.py"
    path.write_text(code)
    before = digest()
    path.write_text(edited)
    assert (digest() == before) == is_same


def test_it_is_the_same_in_another_folder_and_in_any_order(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_digest(START, "jobs.room.unrelated")
    shutil.copytree(project, tmp_path / "elsewhere")
    shutil.rmtree(project)
    monkeypatch.setattr(module, "PROJECT", tmp_path / "elsewhere")
    code_digest.cache_clear()
    assert code_digest("jobs.room.unrelated", START) == before
    assert code_digest("jobs.room.unrelated") != code_digest(START)


def test_modules_that_import_each_other(project: Path) -> None:
    append(project / "jobs/room/submodule.py", "import jobs.room.start\n")
    before = digest()
    append(project / "jobs/room/inside.py", "ANOTHER = 2\n")
    assert digest() != before


def test_a_module_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module jobs\.room\.nowhere"):
        code_digest("jobs.room.nowhere")


def test_files_are_read_once(project: Path) -> None:
    before = digest()
    append(project / "jobs/room/start.py", "ANOTHER = 2\n")
    assert code_digest(START) == before


FILE = "import helper\nfrom jobs.room.direct import value\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder, with two files that one file may import."""
    folder = tmp_path / "users"
    folder.mkdir()
    (folder / "helper.py").write_text("FACTOR = 2\n")
    (folder / "unused.py").write_text("FACTOR = 2\n")
    (folder / "mine.py").write_text(FILE)
    return folder


@pytest.mark.parametrize(
    ("name", "is_same"),
    [
        ("users/mine.py", False),
        ("users/helper.py", False),
        ("users/unused.py", True),
        ("project/jobs/room/submodule.py", False),
        ("project/jobs/room/late.py", True),
    ],
)
def test_a_users_file_counts_with_what_it_imports(
    project: Path, folder: Path, name: str, is_same: bool
) -> None:
    before = file_code_digest(folder / "mine.py")
    append(folder.parent / name, "ANOTHER = 2\n")
    assert (file_code_digest(folder / "mine.py") == before) == is_same


def test_the_name_and_the_folder_of_a_users_file_do_not_count(project: Path, folder: Path) -> None:
    before = file_code_digest(folder / "mine.py")
    shutil.copytree(folder, folder.parent / "elsewhere")
    (folder.parent / "elsewhere" / "mine.py").rename(folder.parent / "elsewhere" / "other.py")
    assert file_code_digest(folder.parent / "elsewhere" / "other.py") == before


@pytest.mark.parametrize("statement", ["from theirs.kinds import helper", "from . import helper"])
def test_a_file_of_a_package_counts_with_its_package_and_no_other(
    project: Path, tmp_path: Path, statement: str
) -> None:
    kinds = tmp_path / "site" / "theirs" / "kinds"
    kinds.mkdir(parents=True)
    (tmp_path / "site" / "another.py").write_text("FACTOR = 2\n")
    for path in (kinds.parent / "__init__.py", kinds / "__init__.py", kinds / "helper.py"):
        path.write_text("")
    (kinds / "mine.py").write_text(f"import another\n{statement}\n")
    before = file_code_digest(kinds / "mine.py")
    append(tmp_path / "site" / "another.py", "ANOTHER = 2\n")
    assert file_code_digest(kinds / "mine.py") == before
    append(kinds / "helper.py", "ANOTHER = 2\n")
    assert file_code_digest(kinds / "mine.py") != before


def test_a_single_file_that_pip_installed_counts_alone(
    project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.site, "getsitepackages", lambda: [str(folder)])
    before = file_code_digest(folder / "mine.py")
    append(folder / "helper.py", "ANOTHER = 2\n")
    assert file_code_digest(folder / "mine.py") == before


def test_the_modules_of_the_project_are_found() -> None:
    """Of the real tree: what it reaches is read without an error, and it is no single file."""
    assert code_digest("jobs.preference.build_tables") != code_digest("jobs.preference.audit")
    assert module.is_project_file(Path(module.__file__))
    assert not module.is_project_file(Path(__file__))
