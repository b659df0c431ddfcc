"""A Postgres server of this machine, set up as its image does."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"
_USER = "postgres"


def program(name: str) -> str:
    """Path of a program of Postgres; Debian keeps those of the server out of the PATH.

    Raises:
        FileNotFoundError: If Postgres is not installed.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))
    if found is None:
        raise FileNotFoundError(
            f"there is no {name}: install Postgres (Debian: sudo apt-get install postgresql)"
        )
    return found


class Postgres:
    """A server in a folder. It refuses to run as root, so root runs it as another user."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.identity: dict[str, int] = {}
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(_USER)
            self.identity = {"user": account.pw_uid, "group": account.pw_gid}
            os.chown(folder, account.pw_uid, account.pw_gid)

    @property
    def command(self) -> list[str]:
        where = ["-D", str(self.folder / "data"), "-k", str(self.folder)]
        return [program("postgres"), *where, "-h", HOST, "-p", str(self.port)]

    def prepare(self, script: Path, environment: Mapping[str, str]) -> None:
        """Make the database, if there is none, and run the script on it: see the image's docs."""
        data = self.folder / "data"
        if data.exists():
            return
        password = self.folder / "password"
        password.write_text(environment["POSTGRES_PASSWORD"])
        password.chmod(0o644)
        superuser = ["--username", environment["POSTGRES_USER"], "--pwfile", str(password)]
        self._run([program("initdb"), "-D", str(data), "--auth=scram-sha-256", *superuser])
        server = subprocess.Popen(  # type: ignore[call-overload]
            self.command, cwd=self.folder, stderr=subprocess.DEVNULL, **self.identity
        )
        try:
            while not self.answers():
                assert server.poll() is None, "Postgres does not start"
            connection = {
                **os.environ,
                **environment,
                "PGHOST": HOST,
                "PGPORT": str(self.port),
                "PGPASSWORD": environment["POSTGRES_PASSWORD"],
            }
            subprocess.run([str(script)], env=connection, check=True)
        finally:
            self.end(server)

    def answers(self) -> bool:
        command = [program("pg_isready"), "--host", HOST, "--port", str(self.port), "--quiet"]
        return subprocess.run(command).returncode == 0

    def can_connect(self, role: str, password: str, database: str) -> bool:
        where = ["--host", HOST, "--port", str(self.port), "--username", role, database]
        return (
            subprocess.run(
                [program("psql"), *where, "--no-psqlrc", "--command", "SELECT 1"],
                env={**os.environ, "PGPASSWORD": password},
                capture_output=True,
            ).returncode
            == 0
        )

    def end(self, server: subprocess.Popen[bytes]) -> None:
        """Shut the server down in order, as ``docker restart`` does."""
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
        server.wait()

    def _run(self, command: Sequence[str]) -> None:
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, **self.identity)  # type: ignore[call-overload]
