from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from jobs.common import code_version as module
from jobs.common.code_version import code_version


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    code_version.cache_clear()
    yield
    code_version.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    someone = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", *someone, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of a file ``jobs/__init__.py``, taken for the project."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "__init__.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "jobs")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    return tmp_path


def test_a_checkout_has_its_commit(code: Path) -> None:
    assert code_version() == git(code, "rev-parse", "--short=10", "HEAD")


def test_an_edited_checkout_is_marked(code: Path) -> None:
    (code / "jobs" / "__init__.py").write_text("edited = True\n")
    assert code_version() == git(code, "rev-parse", "--short=10", "HEAD") + "+"


def test_another_projects_repository_is_not_reported(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = code / ".venv" / "site-packages"
    shutil.copytree(code / "jobs", packages / "jobs")
    monkeypatch.setattr(module, "PROJECT", packages)
    assert code_version() == jobs.__version__


def test_outside_a_repository_it_is_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    assert code_version() == jobs.__version__


def test_without_git_it_is_the_version(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert code_version() == jobs.__version__
