"""Errors of a disk without room, as libraries and other processes give them."""

from __future__ import annotations

from errno import EACCES, EDQUOT, ENOSPC
from pathlib import Path

import pytest

from jobs.common.disk_full import is_disk_full, unwritten_file, whole_file
from jobs.common.errors import InputError

IN_A_WORKER = """\
org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed:
  File "/app/jobs/lake/storage.py", line 1, in writer
OSError: [Errno 28] No space left on device: '/lake/_attempts/a/part 0.parquet'
"""
IN_JAVA = "java.io.IOException: No space left on device\n\tat java.io.FileOutputStream.write"
OF_ARROW = "[Errno 28] Cannot create directory '/lake/a': [errno 28] No space left on device"


@pytest.mark.parametrize(
    ("error", "file"),
    [
        (OSError(ENOSPC, "No space left on device", "/lake/a"), "/lake/a"),
        (OSError(EDQUOT, "Disk quota exceeded"), None),
        (OSError(ENOSPC, OF_ARROW), "/lake/a"),
        (RuntimeError(IN_A_WORKER), "/lake/_attempts/a/part 0.parquet"),
        (RuntimeError(IN_JAVA), None),
    ],
)
def test_an_error_of_a_full_disk_is_known_by_number_or_text(
    error: Exception, file: str | None
) -> None:
    wrapped = InputError("cannot be used")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        assert is_disk_full(one)
        assert unwritten_file(one) == file


def test_other_errors_are_not_of_a_full_disk() -> None:
    assert not is_disk_full(OSError(EACCES, "Permission denied", "/lake/a"))
    assert not is_disk_full(InputError("column space is missing"))


def write_and_fail(target: Path) -> None:
    with whole_file(target) as stream:
        stream.write(b"new")
        raise OSError(ENOSPC, "No space left on device")


def test_a_file_that_cannot_be_written_as_a_whole_keeps_its_content(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(OSError, match="No space") as raised:
        write_and_fail(target)
    assert raised.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
    with whole_file(target) as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"new"
