"""A process bound to its parent ends with it, even if the parent is killed without warning."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs prctl of Linux")
ROOT = Path(__file__).resolve().parents[3]


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid: int) -> None:
    while is_alive(pid):
        time.sleep(0.02)


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(child.pid, flush=True)
time.sleep({seconds})
"""
BOUND = """
from jobs.common.parent_process import die_with_parent
import time
die_with_parent()
print("bound", flush=True)
time.sleep(600)
"""


def start_parent(child: str, seconds: float) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(child=child, seconds=seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_a_bound_process_ends_when_the_parent_is_killed() -> None:
    parent, child = start_parent(BOUND, 600)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "bound\n"
    assert is_alive(child)
    parent.kill()
    parent.wait()
    wait_until_dead(child)


def test_an_unbound_process_outlives_its_parent() -> None:
    """The control: without the call, the process runs on."""
    parent, child = start_parent("import time; time.sleep(600)", 600)
    parent.kill()
    parent.wait()
    time.sleep(0.2)
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


def test_a_process_whose_parent_has_already_died_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    bind = f"from jobs.common.parent_process import die_with_parent; die_with_parent({gone.pid})"
    code = f"{bind}; print('alive')"
    late = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert late.returncode == -signal.SIGKILL
    assert late.stdout == ""
