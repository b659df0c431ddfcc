"""The wheel of the project holds all that it needs, and ``lis`` works from any folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import jobs

ROOT = Path(__file__).resolve().parents[1]
LIS = str(Path(sys.executable).with_name("lis"))
MODULE = [sys.executable, "-m", "jobs"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel. It is built from a copy: building leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("package")
    source, built = folder / "source", folder / "built"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "jobs", source / "jobs", ignore=ignored)
    for path in (*ROOT.glob("requirements*.txt"), *map(ROOT.joinpath, ("LICENSE", "README.md"))):
        shutil.copy(path, source)
    shutil.copy(ROOT / "pyproject.toml", source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*build, "--no-index", "--wheel-dir", str(built), str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [path] = built.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with this one in it, as pip would leave it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def metadata(unpacked: Path) -> Message:
    [path] = unpacked.glob("*.dist-info/METADATA")
    return Parser().parsestr(path.read_text(encoding="utf-8"))


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def run(
    command: Sequence[str], folder: Path, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with no checkout on the path and no setting of the project."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith("LIS_")
    }
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(unpacked: Path) -> None:
    assert files(unpacked / "jobs") == files(ROOT / "jobs")
    assert {"py.typed", "scenarios/simulated_feed.yaml", "reporting/templates/report.css"} <= files(
        unpacked / "jobs"
    )
    [described] = {path.name for path in unpacked.iterdir()} - {"jobs"}
    assert described == f"leakage_impact_score-{jobs.__version__}.dist-info"


def test_the_wheel_brings_the_command(unpacked: Path) -> None:
    [path] = unpacked.glob("*.dist-info/entry_points.txt")
    assert path.read_text().split("\n", 2)[:2] == [
        "[console_scripts]",
        "lis = jobs.cli.main:main",
    ]


def test_the_version_and_licence_of_the_wheel(metadata: Message) -> None:
    assert metadata["Version"] == jobs.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", jobs.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_newest_entry_of_the_changelog_is_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    [newest] = re.findall(r"\A.*?^## \[(\d[^\]]*)\]", changelog, re.MULTILINE | re.DOTALL)
    assert newest == jobs.__version__


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ("", ["requirements.txt"]),
        ("align", ["requirements-align.txt"]),
        ("s3", ["requirements-s3.txt"]),
        ("sharded", ["requirements-sharded-gpu.txt"]),
        ("dev", ["requirements-dev.txt", "requirements-docs.txt"]),
        ("docs", ["requirements-docs.txt"]),
    ],
)
def test_dependencies_are_those_of_the_requirements(
    metadata: Message, extra: str, names: list[str]
) -> None:
    condition = f'extra == "{extra}"' if extra else ""
    split = [line.partition("; ") for line in metadata.get_all("Requires-Dist", [])]
    listed = {requirement for requirement, _, needed_by in split if needed_by == condition}
    assert listed == set().union(*map(pins, names))


def test_cpus_and_gpus_train_with_the_same_versions() -> None:
    on_gpus = pins("requirements-sharded-gpu.txt")
    on_cpus = {pin.replace("-cpu==", "==") for pin in pins("requirements-sharded.txt")}
    assert on_gpus <= on_cpus


def test_an_installed_package_works_without_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    where = "import jobs, jobs.common.paths as p; print(jobs.__path__[0], p.data_folder())"
    found = run([sys.executable, "-c", where], tmp_path, unpacked)
    assert found.stdout.split() == [str(unpacked / "jobs"), str(tmp_path / "data")]
    feed = ["simulate", "--scenario", "simulated_feed", "--out", "feed", "--days", "1"]
    made = run([*MODULE, *feed, "--rows-per-day", "50"], tmp_path, unpacked)
    assert made.returncode == 0, made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["feed"]


@pytest.mark.parametrize("command", [[LIS], MODULE], ids=["lis", "python -m jobs"])
def test_the_command_works_from_any_folder(command: list[str], tmp_path: Path) -> None:
    done = run([*command, "preference", "list"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "id_embedding" in done.stdout


@pytest.mark.parametrize("command", [[LIS], MODULE], ids=["lis", "python -m jobs"])
def test_bad_input_exits_with_2(command: list[str], tmp_path: Path) -> None:
    done = run([*command, "train", "--scenario", "nowhere.yaml"], tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
