"""Which master runs the jobs, and what follows from it, for whoever starts Spark."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping

from jobs.common.errors import ServiceUnavailable, first_line

_LOCAL = re.compile(r"local(\[[\w*, ]+\])?")
_STANDALONE = "spark://"
_CONNECT_SECONDS = 5.0
_LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}


def chosen_master() -> str:
    """The master that ``LIS_SPARK_MASTER`` names, else all local cores."""
    return os.environ.get("LIS_SPARK_MASTER") or "local[*]"


def is_local(master: str) -> bool:
    """Whether jobs run inside the driver, such as for ``local[*]``."""
    return _LOCAL.fullmatch(master) is not None


def driver_settings(master: str) -> Mapping[str, str]:
    """Settings of Spark: a driver that no executor has to reach listens on loopback alone."""
    return _LOOPBACK if is_local(master) else {}


def python_of_executors(master: str) -> str:
    """Path of the interpreter of Python workers, as the machines of the master know it.

    On a cluster that is ``PYSPARK_PYTHON``; by default the path of this interpreter.
    """
    return sys.executable if is_local(master) else os.environ.get("PYSPARK_PYTHON", sys.executable)


def require_answer(master: str) -> None:
    """Check that a standalone master listens, as Spark itself tries for a minute.

    Raises:
        ServiceUnavailable: If none of the addresses of the master accepts a connection.
    """
    errors: list[str] = []
    for host, port in _addresses(master):
        try:
            socket.create_connection((host, port), _CONNECT_SECONDS).close()
            return
        except OSError as error:
            errors.append(first_line(error))
    if errors:
        raise ServiceUnavailable(
            f"the Spark master {master} does not answer ({errors[-1]}): start it, or correct "
            "LIS_SPARK_MASTER, in Airflow the connection spark_default"
        )


def _addresses(master: str) -> Iterator[tuple[str, int]]:
    """Host and port of each master; nothing for other kinds of master."""
    if master.startswith(_STANDALONE):
        for address in master.removeprefix(_STANDALONE).split(","):
            host, _, port = address.rpartition(":")
            if port.isdigit():
                yield host.strip("[]"), int(port)
