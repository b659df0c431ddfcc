"""When a session of the project's own begins and ends. The session here only keeps the score."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from jobs.spark import session
from jobs.spark.session import one_session, spark_session


class Sessions:
    """Stands for Spark: at most one session is active at a time."""

    def __init__(self) -> None:
        self.active: Sessions | None = None
        self.started = 0

    def start(self, _name: str) -> Sessions:
        self.active = self
        self.started += 1
        return self

    def stop(self) -> None:
        assert self.active is not None
        self.active = None


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    sessions = Sessions()
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: sessions.active)
    monkeypatch.setattr(session, "_new_session", sessions.start)
    monkeypatch.setattr(session, "_with_settings", lambda started: started)
    return sessions


def test_a_session_ends_with_its_block(sessions: Sessions) -> None:
    for _ in range(2):
        with spark_session("one"):
            assert sessions.active is not None
        assert sessions.active is None
    assert sessions.started == 2


def test_the_sessions_of_a_block_are_one_that_ends_with_it(sessions: Sessions) -> None:
    with one_session():
        assert sessions.started == 0
        for _ in range(2):
            with one_session(), spark_session("each"):
                pass
            assert sessions.active is not None
    assert sessions.active is None
    assert sessions.started == 1


def test_it_ends_after_a_failure_too(sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError), one_session(), spark_session("one"):
        raise ZeroDivisionError
    assert sessions.active is None


def test_a_block_that_needs_no_spark_starts_none(sessions: Sessions) -> None:
    with one_session():
        pass
    assert sessions.started == 0


def test_a_session_that_runs_already_is_left_running(sessions: Sessions) -> None:
    sessions.start("elsewhere")
    with one_session(), spark_session("mine"):
        pass
    assert sessions.active is not None
    assert sessions.started == 1
