"""A task that ends early leaves nothing running: no stage, and no tree of spark-submit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux"),
]
ROOT = Path(__file__).resolve().parents[2]

TASK = """
import signal
from plugins.lis_plugin.{module} import {operator}
days = ["--start", "2026-01-01", "--end", "2099-12-31"]
task = {operator}(
    task_id="t", stage="simulate", arguments=["--scenario", {feed!r}, *days]
)
signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
task.execute({{}})
"""


TASK_WITH_TIMEOUT = """
from datetime import timedelta
from airflow.sdk.execution_time.task_runner import _run_execute_callable
from plugins.lis_plugin.operators import LisStageOperator
days = ["--start", "2026-01-01", "--end", "2099-12-31"]
task = LisStageOperator(
    task_id="t",
    stage="simulate",
    arguments=["--scenario", {feed!r}, *days],
    execution_timeout=timedelta(seconds=8),
)
_run_execute_callable({{}}, task.execute, task)
"""


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        for child in (thread / "children").read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_task(module: str, operator: str, feed: Path) -> subprocess.Popen[bytes]:
    code = TASK.format(module=module, operator=operator, feed=str(feed))
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for_work(task: subprocess.Popen[bytes], written: Path) -> set[int]:
    """The task's descendants, once the stage has begun to write."""
    while not any(written.rglob("*.parquet")):
        assert task.poll() is None, "the task ended before its stage began"
        time.sleep(0.05)
    return descendants(task.pid)


@pytest.mark.parametrize(
    ("module", "operator", "processes"),
    [
        pytest.param("operators", "LisStageOperator", ["-m jobs stage simulate"], id="process"),
        pytest.param(
            "spark_operator",
            "LisSparkOperator",
            ["SparkSubmit", "__main__.py stage simulate"],
            id="spark",
        ),
    ],
)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_task_leaves_no_process(
    module: str, operator: str, processes: list[str], how: signal.Signals, tiny_feed: Path
) -> None:
    task = start_task(module, operator, tiny_feed)
    started = wait_for_work(task, Path(os.environ["LIS_DATA"]))
    for words in processes:
        assert any(words in command_of(pid) for pid in started), f"no process {words!r} was seen"
    task.send_signal(how)
    task.wait()
    while alive := [pid for pid in started if is_alive(pid)]:
        time.sleep(0.02)
    assert not alive


def test_a_task_that_takes_too_long_leaves_no_process(tiny_feed: Path) -> None:
    code = TASK_WITH_TIMEOUT.format(feed=str(tiny_feed))
    task = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    started = wait_for_work(task, Path(os.environ["LIS_DATA"]))
    _, error = task.communicate(timeout=60)
    assert b"AirflowTaskTimeout" in error
    while alive := [pid for pid in started if is_alive(pid)]:
        time.sleep(0.02)
    assert not alive
