"""Keeps pages of other sites, and other machines, from using the server of Airflow.

A page may let its own name lead to 127.0.0.1 (DNS rebinding). Its requests then reach a server that
listens on the loopback address alone, and the browser lets it read the answers; the Host header is
what tells them apart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

HOSTS = "LIS_ALLOWED_HOSTS"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_ANY = "*"
_PORT = re.compile(r":\d+$")
_ALL_ADMINS = "simple_auth_manager_all_admins"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class HostCheck:
    """Refuses requests that name a host other than this server's, in one line.

    Where everyone is an admin, requests of other machines are refused, too, on whichever address
    the server listens.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.hosts = allowed_hosts()
        self.only_this_machine = conf.getboolean("core", _ALL_ADMINS, fallback=False)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if not is_allowed(sent, self.hosts):
            text = (
                f"host {', '.join(map(ascii, sent))[:200] or 'none'} is not a name of this server: "
                f"add it to {HOSTS}, as in {HOSTS}=airflow.example.com"
            )
            await _refuse(scope, send, 400, text)
        elif self.only_this_machine and not _is_local(scope.get("client")):
            text = (
                "everyone is an admin here, so only this machine is answered: set "
                f"AIRFLOW__CORE__{_ALL_ADMINS.upper()}=False, which asks for a password"
            )
            await _refuse(scope, send, 403, text)
        else:
            await self.app(scope, receive, send)


def allowed_hosts() -> frozenset[str]:
    """Names that the server may be called by; one without a port stands for all of its ports.

    They are those of the loopback address, those in ``LIS_ALLOWED_HOSTS`` with commas between them,
    and those of the addresses that Airflow's settings give for the server.
    """
    named = os.environ.get(HOSTS, "").split(",")
    addresses = (
        conf.get("api", "base_url", fallback=""),
        conf.get("core", "execution_api_server_url", fallback=""),
    )
    hosts = (*LOOPBACK, *named, *(urlsplit(address or "").netloc for address in addresses))
    return frozenset(host.strip().lower() for host in hosts if host.strip())


def is_allowed(sent: Iterable[str], allowed: frozenset[str]) -> bool:
    """Whether a request's Host headers, of which there must be one, name the server."""
    match [host.strip().lower() for host in sent]:
        case [host]:
            return _ANY in allowed or host in allowed or _PORT.sub("", host) in allowed
        case _:
            return False


def _is_local(client: Any) -> bool:
    """Whether a request comes from this machine. A socket that is a file has no client."""
    if client is None:
        return True
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def _refuse(scope: Message, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
        return
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


class HostCheckPlugin(AirflowPlugin):
    """Puts the check before all pages and both APIs. A file of its own, so that it stands alone."""

    name = "lis_host_check"
    fastapi_root_middlewares: list[Any] = [{"name": "host check", "middleware": HostCheck}]  # noqa: RUF012  (as Airflow declares it)
