"""A Spark master and its workers as processes of this machine, on the loopback address alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path
from typing import Any

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
HOST = "127.0.0.1"
_START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
    return port


def bare_python(folder: Path, *lines: str) -> Path:
    """An interpreter that has the installed libraries, but not the project.

    Args:
        folder: Where to make it.
        *lines: Python statements that it runs when it starts.
    """
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    python = folder / "bin" / "python"
    answer = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    # Of a folder that is named so, Python reads no further .pth file: an editable install is one.
    own = Path(answer.stdout.strip())
    (own / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (own / "sitecustomize.py").write_text("\n".join(lines))
    return python


class Standalone:
    """The processes of a cluster. Workers know neither the project nor its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.page = free_port(), free_port()
        self.master = f"spark://{HOST}:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        ports = ("--host", HOST, "--port", str(self.port), "--webui-port", str(self.page))
        self._start("master", "org.apache.spark.deploy.master.Master", *ports)

    def add_worker(self, name: str) -> None:
        """Start a worker of one core, and wait until the master knows it."""
        before = len(self.state()["workers"])
        options = ("--host", HOST, "--webui-port", "0", "--cores", "1", "--memory", "1g")
        self._start(name, "org.apache.spark.deploy.worker.Worker", *options, self.master)
        while len(self.state()["workers"]) == before:
            self._look()

    def state(self) -> dict[str, Any]:
        """Workers and applications, as the master's page lists them."""
        while True:
            try:
                with urllib.request.urlopen(f"http://{HOST}:{self.page}/json/", timeout=5) as page:
                    found: dict[str, Any] = json.load(page)
                    return found
            except OSError:
                self._look()

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def _start(self, name: str, main: str, *options: str) -> None:
        """Start a process in a folder of its own, which is its home as well."""
        home = self.folder / name
        home.mkdir()
        environment = {
            "HOME": str(home),
            # They end soon, so that the optimising compiler would not pay for itself.
            "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            "PATH": os.defpath,
            "SPARK_DAEMON_MEMORY": "512m",
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_LOCAL_DIRS": str(home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_WORKER_DIR": str(home),
            "JAVA_HOME": str(Path(shutil.which("java") or "java").resolve().parents[1]),
        }
        self._deadline = time.monotonic() + _START_SECONDS
        with (home / "log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [SPARK_HOME / "bin" / "spark-class", main, *options],
                    cwd=home,
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
            )

    def _look(self) -> None:
        """Wait a moment; fail if a process has ended, or does not come up."""
        assert all(process.poll() is None for process in self._processes), self.folder
        assert time.monotonic() < self._deadline, self.folder
        time.sleep(0.2)
