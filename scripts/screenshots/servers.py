"""Airflow and MLflow, started by ``scripts/up.sh`` on free ports of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_READY = "Ctrl-C stops both."
_SETTINGS = ("AIRFLOW", "LIS_", "MLFLOW_")
"""Beginnings of the variables that scripts/env.sh sets, most of them from the data folder."""


@dataclass(frozen=True)
class Servers:
    """Addresses of the servers that run."""

    airflow: str
    mlflow: str


@contextmanager
def servers(data: Path) -> Iterator[Servers]:
    """Start both servers on what lies in a data folder, and stop them.

    Raises:
        RuntimeError: If they do not come up.
    """
    airflow, mlflow = free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)},
        "LIS_DATA": str(data.resolve()),
        "LIS_AIRFLOW_PORT": str(airflow),
        "LIS_MLFLOW_PORT": str(mlflow),
    }
    started = subprocess.Popen(
        [ROOT / "scripts" / "up.sh"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait(started)
        yield Servers(f"http://127.0.0.1:{airflow}", f"http://127.0.0.1:{mlflow}")
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address on which nothing listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait(started: subprocess.Popen[str]) -> None:
    assert started.stdout is not None
    said = []
    for line in started.stdout:
        said.append(line)
        if _READY in line:
            return
    raise RuntimeError("scripts/up.sh ended early:\n" + "".join(said[-20:]))
