"""Which errors may pass by themselves, and how a command says so."""

from __future__ import annotations

import pytest

from jobs.cli.main import main
from jobs.common.errors import (
    InputError,
    ServiceUnavailable,
    first_line,
    is_connection_error,
    one_line,
)
from jobs.common.outcome import ExitCode
from tests.jobs.tracking.unavailable import no_server

ARROW = "When listing objects in bucket 'b': AWS Error {} during ListObjectsV2 operation"


def chained(cause: Exception) -> InputError:
    """An input error that was raised while another was handled."""
    error = InputError("cannot be read")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ConnectionRefusedError("refused"), True),
        (TimeoutError("timed out"), True),
        (ServiceUnavailable("the server\ndoes not answer"), True),
        (OSError(ARROW.format("NETWORK_CONNECTION")), True),
        (OSError(ARROW.format("SLOW_DOWN")), True),
        (OSError(ARROW.format("ACCESS_DENIED")), False),
        (OSError(ARROW.format("NO_SUCH_BUCKET")), False),
        (FileNotFoundError("gone"), False),
        (BrokenPipeError("| head"), False),
        (ValueError("no date"), False),
    ],
)
def test_an_error_that_comes_from_a_connection_may_pass(cause: Exception, expected: bool) -> None:
    assert is_connection_error(cause) is expected
    assert is_connection_error(chained(cause)) is expected


def test_what_is_unavailable_is_said_in_one_line_without_a_password() -> None:
    error = ServiceUnavailable("http://me:s3cret@host\nis down")
    assert first_line(error) == "http://host is down"


@pytest.mark.fault
def test_an_object_store_that_is_down_ends_a_command_for_another_try(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LIS_LAKE", "s3://bucket/lake")
    with no_server(tmp_path_factory.getbasetemp()) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        code = main(["report", "--scenario", "simulated_feed", "--as-of", "2026-01-31"])
    assert code == ExitCode.UNAVAILABLE
    [line] = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert f"cannot be reached at AWS_ENDPOINT_URL={address}: " in line
    assert line.endswith("run the same command again when it answers")


def test_a_message_is_one_line_of_limited_length_without_control_characters() -> None:
    assert one_line("a\n b\t\x1b[31mc\0\ud800 é") == "a b \\x1b[31mc\\x00\\ud800 é"
    line = one_line(f"{'x' * 5_000}: write YYYY-MM-DD")
    assert len(line) < 2_000
    assert line.endswith(" … " + "x" * 382 + ": write YYYY-MM-DD")
    assert one_line(line) == line
    assert one_line(InputError("http://user:secret@host is down")) == "http://host is down"
