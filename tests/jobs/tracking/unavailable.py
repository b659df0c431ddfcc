"""Stores that do not answer, each in another way."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ERROR_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def no_server(folder: Path) -> Iterator[str]:
    """The address of a server that is down."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def server_with_errors(folder: Path) -> Iterator[str]:
    """The address of a server that answers 500."""
    with _server(ERROR_500) as address:
        yield address


@contextmanager
def silent_server(folder: Path) -> Iterator[str]:
    """The address of a server that takes requests and never answers."""
    with _server(b"") as address:
        yield address


@contextmanager
def locked_database(folder: Path) -> Iterator[str]:
    """The SQLite store of a data folder while another program writes to it."""
    file = folder / "mlflow" / "mlflow.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield f"sqlite:///{file}"


@contextmanager
def _server(answer: bytes) -> Iterator[str]:
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            if answer:
                connection.recv(1 << 16)
                connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in held:
        connection.close()
