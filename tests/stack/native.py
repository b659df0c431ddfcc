"""The services of docker-compose.yaml as processes of this machine, on the loopback address alone.

Each has the command, the variables and the health check of the file. What a container gives is made
here: addresses, folders, an end of all its processes with the first, and a start after that.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.cluster.standalone import HOST, SPARK_HOME, free_port
from tests.stack.compose_file import Service, read_services
from tests.stack.postgres import Postgres

_PORTS = ("5432", "8080", "5000", "8974", "7077", "8180", "8181")
_HOSTS = ("airflow-api-server", "airflow-scheduler", "spark-master")
_CONTAINER = (
    "unshare",
    *(() if os.geteuid() == 0 else ("--user", "--map-current-user")),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
    # The first process of a namespace of processes; when it ends, the kernel kills all others.
    *("bash", "-c", '"$@" & wait "$!"', "bash"),
)
"""Runs a command so that all that it has started ends with it."""
_LOOK_SECONDS = 0.5
_START_SECONDS = 600


class Stack:
    """All services that run with some profiles."""

    def __init__(
        self, folder: Path, code: Path, given: Mapping[str, str], profiles: set[str]
    ) -> None:
        """Read the file; nothing is started yet.

        Args:
            folder: For all that is written. Every user of the machine can pass through it.
            code: A copy of the project.
            given: What .env has.
            profiles: Names of the profiles.
        """
        self.folder, self.code = folder, code
        self.ports = {port: str(free_port()) for port in _PORTS}
        for name in ("data", "raw", "scenarios", "tmp", "logs", "home"):
            (folder / name).mkdir()
        services = read_services(given, profiles)
        self.services = {name: self._here(service) for name, service in services.items()}
        self.postgres = Postgres(folder / "postgres", int(self.ports["5432"]))
        self.starts: Counter[str] = Counter()
        self.finished: set[str] = set()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def address(self, port: str) -> str:
        """Address of a page by its port in the file."""
        return f"http://{HOST}:{self.ports[port]}"

    def start(self) -> None:
        """Start each service when those that it waits for are ready; return when all are."""
        self._watcher.start()
        waiting = dict(self.services)
        deadline = time.monotonic() + _START_SECONDS
        while waiting:
            for name, service in list(waiting.items()):
                if all(self._is_ready(*wait) for wait in service.waits_for.items()):
                    self._start(name)
                    del waiting[name]
            self._pause(deadline, f"{', '.join(waiting)} wait for others")
        for name, service in self.services.items():
            if service.restarts:
                self.wait_until_healthy(name)

    def stop(self) -> None:
        self._is_ending.set()
        self._watcher.join()
        for name in reversed(self.services):
            if name in self._processes:
                self._end_all(name)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill the main process of a service, as the kernel does when memory is short."""
        with self._lock:
            pid = self._processes[name].pid
            if name != "postgres":
                (shell,) = _children(pid)
                # Orphans of the main process would follow it.
                pid = _children(shell)[0]
            os.kill(pid, how)

    def processes(self, name: str) -> dict[int, str]:
        """Command line of each process of a service."""
        found: dict[int, str] = {}
        ahead = [self._processes[name].pid]
        while ahead:
            pid = ahead.pop()
            found[pid] = _read(pid, "cmdline").replace("\0", " ")
            ahead += _children(pid)
        return found

    def is_healthy(self, name: str) -> bool:
        service = self.services[name]
        if name == "postgres":
            return self.postgres.answers()
        with (self.folder / "logs" / f"{name}.health").open("wb") as log:
            done = subprocess.run(
                service.healthcheck,
                cwd=self.code,
                env=self._environment(name),
                stdout=log,
                stderr=log,
                timeout=60,
            )
        return done.returncode == 0

    def wait_until_healthy(self, name: str, starts: int = 1) -> None:
        """Wait until a service has been started so often, and its health check succeeds."""
        deadline = time.monotonic() + _START_SECONDS
        while self.starts[name] < starts or not self.is_healthy(name):
            self._pause(deadline, f"{name} is not healthy")

    def wait_for(self, what: str, happened: Callable[[], object], seconds: float) -> None:
        """Wait until something has happened.

        Raises:
            TimeoutError: If it does not happen in time.
        """
        deadline = time.monotonic() + seconds
        while not happened():
            self._pause(deadline, f"{what} has not happened")

    def _pause(self, deadline: float, state: str) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{state}; logs: {self.folder / 'logs'}")
        time.sleep(_LOOK_SECONDS)

    def _is_ready(self, name: str, condition: str) -> bool:
        if condition == "service_completed_successfully":
            return name in self.finished
        return self.starts[name] > 0 and self.is_healthy(name)

    def _start(self, name: str) -> None:
        service = self.services[name]
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            if name == "postgres":
                self.postgres.prepare(self.code / "scripts/postgres_init.sh", service.environment)
                command, options = self.postgres.command, self.postgres.identity
            else:
                command, options = [*_CONTAINER, *service.command], {}
            self._processes[name] = subprocess.Popen(  # type: ignore[call-overload]
                command,
                cwd=self.postgres.folder if name == "postgres" else self.code,
                env=self._environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )
        self.starts[name] += 1

    def _watch(self) -> None:
        """Start services again when they end, as their restart policy says."""
        while not self._is_ending.wait(_LOOK_SECONDS):
            with self._lock:
                for name, process in list(self._processes.items()):
                    if (code := process.poll()) is None or name in self.finished:
                        continue
                    self._end_all(name)
                    if self.services[name].restarts:
                        self._start(name)
                    elif code == 0:
                        self.finished.add(name)

    def _end_all(self, name: str) -> None:
        """Kill what is left of a service: its container would have ended."""
        if name == "postgres":
            self.postgres.end(self._processes[name])
        else:
            self._processes[name].kill()
            self._processes[name].wait()

    def _environment(self, name: str) -> dict[str, str]:
        """Variables of a service, and those that its container has beside them."""
        home = str(self.folder / ("postgres" if name == "postgres" else "home"))
        return {
            "HOME": home,
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_LOCAL_IP": HOST,
            # Of tests/conftest.py: for JVMs that end soon.
            "SPARK_SUBMIT_OPTS": os.environ.get("SPARK_SUBMIT_OPTS", ""),
            "TMPDIR": str(self.folder / "tmp"),
            **self.services[name].environment,
        }

    def _here(self, service: Service) -> Service:
        """A service with the addresses and folders that it has on this machine."""
        return replace(
            service,
            command=tuple(map(self._mapped, service.command)),
            environment={key: self._mapped(value) for key, value in service.environment.items()},
            healthcheck=tuple(map(self._mapped, service.healthcheck)),
        )

    def _mapped(self, text: str) -> str:
        for host in _HOSTS:
            text = text.replace(host, HOST)
        for host, port in (("mlflow", "5000"), ("postgres", "5432")):
            text = re.sub(rf"(?<![\w/]){host}:{port}|(?<=//){host}:{port}", f"{HOST}:{port}", text)
        for port, mapped in self.ports.items():
            text = re.sub(rf"(?<!\w){port}(?!\w)", mapped, text)
        for folder in ("data", "raw", "scenarios"):
            text = re.sub(rf"(?<![\w/])/{folder}(?!\w)", str(self.folder / folder), text)
        text = text.replace("/home/lis", str(self.folder / "home"))
        return text.replace("/opt/lis", str(self.code)).replace("0.0.0.0", HOST)


def _read(pid: int, file: str) -> str:
    """A file of a process in /proc; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    found = (_read(pid, f"task/{thread}/children") for thread in _threads(pid))
    return [int(child) for children in found for child in children.split()]


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
