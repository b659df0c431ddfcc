"""Long work of Spark shows its progress."""

import time
from collections.abc import Iterable

import pytest
from py4j.protocol import Py4JError
from pyspark import SparkContext, StatusTracker
from pyspark.sql import SparkSession

from jobs.spark import progress
from jobs.spark.progress import spark_progress


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.05)


def slow(rows: Iterable[int]) -> Iterable[int]:
    time.sleep(0.3)
    return rows


def test_tasks_are_counted_while_they_run(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    with spark_progress("slow work"):
        spark.sparkContext.parallelize(range(6), 6).mapPartitions(slow).collect()
    shown = capsys.readouterr().err
    assert "slow work: 100%" in shown
    assert "6/6" in shown


def test_work_without_spark_shows_no_bar(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    with spark_progress("no work of Spark"):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_session_that_is_starting_or_has_ended_has_no_tasks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``SparkContext`` registers itself before it has a connection to the JVM."""
    for context in (object.__new__(SparkContext), None):
        monkeypatch.setattr(SparkContext, "_active_spark_context", context)
        tasks = progress._Tasks()
        tasks.update()
        assert tasks.total == 0


def test_a_session_that_is_stopped_between_two_looks_ends_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the end of a job that has started its session itself."""

    class Stopped(SparkContext):
        def __init__(self) -> None:
            self._jsc = object()

        def statusTracker(self) -> StatusTracker:
            raise Py4JError("the JVM has ended")

    monkeypatch.setattr(SparkContext, "_active_spark_context", Stopped())
    tasks = progress._Tasks()
    tasks.update()
    assert tasks.total == 0


def test_an_error_passes_through(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="of the work"), spark_progress("work"):
        raise ValueError("of the work")
