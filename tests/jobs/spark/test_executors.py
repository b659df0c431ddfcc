"""What goes to executors, and what is said if they cannot run it. On real ones: tests/cluster."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.paths import PROJECT
from jobs.spark import executors
from jobs.spark.executors import code_archive

MASTER = "spark://one:7077"


def test_equal_code_is_an_equal_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = code_archive(), code_archive()
    assert first != second
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "__init__.py").write_text("")
    monkeypatch.setattr(executors, "PROJECT", tmp_path)
    assert code_archive().name != first.name


def test_the_archive_has_the_package_and_nothing_that_is_made() -> None:
    with zipfile.ZipFile(code_archive()) as archive:
        names = set(archive.namelist())
    there = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "jobs").rglob("*.py")}
    assert there <= names
    assert "jobs/scenarios/simulated_feed.yaml" in names
    assert not [name for name in names if "__pycache__" in name or not name.startswith("jobs/")]


def test_the_archive_is_imported_before_an_installed_version(tmp_path: Path) -> None:
    archive = code_archive()
    code = f"import sys; sys.path.insert(1, {str(archive)!r}); import jobs; print(jobs.__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(archive))


@pytest.mark.parametrize(
    ("report", "line", "error"),
    [
        (
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.10 than that in "
            "driver: 3.11, PySpark cannot run",
            "run Python 3.10 and the driver 3.11: set PYSPARK_PYTHON to the path that Python 3.11 "
            "has there",
            InputError,
        ),
        (
            'java.io.IOException: Cannot run program "/no/python": error=2, No such file',
            "have no /no/python: set PYSPARK_PYTHON to the path that Python 3.11 has there",
            InputError,
        ),
        (
            "ModuleNotFoundError: No module named 'pyarrow'",
            "cannot import pyarrow: install requirements.txt in their Python",
            InputError,
        ),
        (
            "Job aborted\nCaused by: a disk is full\n",
            "cannot run a first job: a disk is full",
            ServiceUnavailable,
        ),
        (
            "Job aborted\nCaused by: org.apache.spark.SparkException: \nError from python worker:\n"
            "  Traceback (most recent call last):\n  AttributeError: no 'major'\nPYTHONPATH was:\n",
            "cannot run a first job: AttributeError: no 'major'",
            ServiceUnavailable,
        ),
        ("Spark was shut down", "cannot run a first job: Spark was shut down", ServiceUnavailable),
    ],
)
def test_a_fault_is_one_line(report: str, line: str, error: type[Exception]) -> None:
    fault = executors._fault(report, MASTER)
    assert type(fault) is error
    assert str(fault) == f"executors of {MASTER} {line}"
