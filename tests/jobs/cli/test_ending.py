"""How errors of disks and paths end a command."""

from __future__ import annotations

from errno import EIO, ENOSPC, EROFS
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from jobs.cli.ending import Ending, ending_of
from jobs.common.outcome import ExitCode

FEED = "simulated_feed"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake in the folder for temporary files, as with a trial of the project."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path))
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LIS_LAKE", raising=False)


@pytest.mark.parametrize(
    ("path", "way_out"),
    [
        (
            "data/lake/impressions/part-0.parquet",
            "free some of its disk (lis janitor --scenario simulated_feed says what need not be "
            "kept)",
        ),
        ("data/reports/page.html", "free some of its disk"),
        (
            "spark-1/blockmgr-2/a",
            "free some of its disk or let TMPDIR and SPARK_LOCAL_DIRS name a folder with more",
        ),
        ("", "free some of its disk or let TMPDIR and SPARK_LOCAL_DIRS name a folder with more"),
    ],
)
def test_a_full_disk_names_the_file_and_how_to_make_room(
    tmp_path: Path, path: str, way_out: str
) -> None:
    place = str(tmp_path / path)
    ending = ending_of(OSError(ENOSPC, "No space left on device", place), FEED)
    assert ending is not None
    assert ending.code == ExitCode.UNAVAILABLE
    expected = f"error: no space left for {place}: {way_out}, and run the same command again"
    assert ending.line == expected


def test_a_disk_that_has_room_again_is_not_named() -> None:
    ending = ending_of(RuntimeError("java.io.IOException: No space left on device"), FEED)
    assert ending is not None
    assert ending.code == ExitCode.UNAVAILABLE
    assert "where LIS_LAKE, LIS_DATA, TMPDIR and SPARK_LOCAL_DIRS lie" in ending.line


def test_a_path_that_may_not_be_written_says_what_to_do() -> None:
    ending = ending_of(OSError(EROFS, "Read-only file system", "/lake/a"), FEED)
    assert ending is not None
    assert ending.code == ExitCode.BAD_INPUT
    assert ending.line == (
        "error: Read-only file system: '/lake/a': give the user of this command the right to it, "
        "or choose another place (LIS_LAKE is that of the lake)"
    )


def test_an_error_of_the_disk_or_the_project_keeps_its_traceback() -> None:
    assert ending_of(OSError(EIO, "Input/output error"), FEED) is None
    assert ending_of(ValueError("a bug"), FEED) is None


@pytest.mark.parametrize("is_planned", [False, True])
def test_a_file_that_was_replaced_while_spark_read_it_is_worth_another_try(
    is_planned: bool, spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / "a file%20.parquet"
    pq.write_table(pa.table({"item": [1, 2]}), path)
    frame = spark.read.parquet(str(path)) if is_planned else None
    path.unlink()
    with pytest.raises((AnalysisException, Py4JJavaError)) as caught:
        (frame or spark.read.parquet(str(path))).collect()
    line = f"error: {path} was replaced or removed while it was read; run the same command again"
    assert ending_of(caught.value, None) == Ending(ExitCode.UNAVAILABLE, line)
