"""A local S3 server: moto's, as a thread of a test or as a process of its own.

moto looks whether the condition of a write holds, and then writes: of two writes at once both could
succeed. So requests are answered one after another.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

ROOT = Path(__file__).resolve().parents[1]


def s3_server(port: int = 0) -> BaseWSGIServer:
    """A server on this machine; ``serve_forever`` runs it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app, one_at_a_time = DomainDispatcherApplication(create_backend_app), Lock()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with one_at_a_time:
            return [b"".join(app(environ, start))]

    return make_server("127.0.0.1", port, answer, True, request_handler=MotoRequestHandler)


@contextmanager
def running_s3_server() -> Iterator[str]:
    """Address of a server that runs as a thread during the block."""
    server = s3_server()
    thread = Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@contextmanager
def s3_server_process() -> Iterator[str]:
    """Address of a server that runs as a process of its own during the block."""
    command = [sys.executable, "-m", "tests.s3_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    chosen = s3_server(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"http://127.0.0.1:{chosen.server_port}", flush=True)
    chosen.serve_forever()
