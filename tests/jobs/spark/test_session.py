"""When a Spark session is started and stopped; sessions are replaced by a fake that counts."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from jobs.spark import session
from jobs.spark.session import one_session, spark_session


class Sessions:
    """A fake of Spark with at most one active session."""

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


def test_blocks_share_one_session_that_ends_with_the_outer_block(sessions: Sessions) -> None:
    with one_session():
        assert sessions.started == 0
        for _ in range(2):
            with one_session(), spark_session("each"):
                pass
            assert sessions.active is not None
    assert sessions.active is None
    assert sessions.started == 1


def test_a_session_ends_after_a_failure_too(sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError), one_session(), spark_session("one"):
        raise ZeroDivisionError
    assert sessions.active is None


def test_a_block_without_spark_starts_no_session(sessions: Sessions) -> None:
    with one_session():
        pass
    assert sessions.started == 0


def test_a_session_that_is_already_active_is_left_running(sessions: Sessions) -> None:
    sessions.start("elsewhere")
    with one_session(), spark_session("mine"):
        pass
    assert sessions.active is not None
    assert sessions.started == 1
