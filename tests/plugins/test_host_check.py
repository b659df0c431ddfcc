"""Who is answered by Airflow's server: pages that it serves itself, on this machine."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from airflow._shared.plugins_manager import _load_plugins_from_plugin_directory
from airflow.api_fastapi.app import init_plugins
from fastapi import FastAPI

from plugins.lis_plugin.host_check import HostCheck, HostCheckPlugin

ROOT = Path(__file__).resolve().parents[2]
HERE = ("127.0.0.1", 40_000)


def ask(
    *hosts: str, client: tuple[str, int] | None = HERE, kind: str = "http"
) -> list[dict[str, Any]]:
    """What a request is answered, behind the check as Airflow would put it."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read before the check")

    headers = [(b"accept", b"*/*"), *((b"host", host.encode("latin-1")) for host in hosts)]
    scope = {"type": kind, "headers": headers, "client": client}
    asyncio.run(HostCheck(app)(scope, receive, send))
    return sent


def status(*hosts: str, client: tuple[str, int] | None = HERE) -> int:
    return int(ask(*hosts, client=client)[0]["status"])


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST:8080"]
)
def test_names_of_the_loopback_address_are_answered(host: str) -> None:
    assert status(host) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        ["evil.example:8080"],
        ["localhost.evil.example"],
        ["127.0.0.1.evil.example"],
        ["localhost:8080.evil.example"],
        ["localhost@evil.example"],
        ["10.0.0.1"],
        ["::1"],
        [""],
        [],
        ["localhost", "evil.example"],
        ["é\x1b[2J"],
    ],
)
def test_other_names_are_refused_in_a_line_that_says_what_to_set(hosts: list[str]) -> None:
    start, body = ask(*hosts)
    assert start["status"] == 400
    text = body["body"].decode()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert "LIS_ALLOWED_HOSTS=airflow.example.com" in text


def test_names_of_the_environment_and_of_airflow_s_settings_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIS_ALLOWED_HOSTS", "Airflow.example.com, other.example.com:8443,")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://public.example.com/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://api:8080/execution/")
    answered = ("airflow.example.com:80", "other.example.com:8443", "public.example.com")
    for host in (*answered, "api:8080", "localhost"):
        assert status(host) == 200, host
    for host in ("other.example.com", "other.example.com:80", "api:8081", "example.com"):
        assert status(host) == 400, host
    monkeypatch.setenv("LIS_ALLOWED_HOSTS", "*")
    assert status("any.example.com") == 200


def test_where_everyone_is_an_admin_other_machines_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = (("192.0.2.7", 1), ("2001:db8::7", 1), ("elsewhere", 1))
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
    for client in others:
        assert status("localhost", client=client) == 200
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    for client in others:
        start, body = ask("localhost", client=client)
        assert start["status"] == 403
        assert b"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=False" in body["body"]
    for here in (HERE, ("::1", 1), ("127.9.9.9", 1), None):
        assert status("localhost", client=here) == 200


def test_a_websocket_is_closed_and_the_start_of_the_server_goes_on() -> None:
    [message] = ask("evil.example", kind="websocket")
    assert (message["type"], message["code"]) == ("websocket.close", 1008)
    assert ask(kind="lifespan")[0]["status"] == 200


def test_airflow_loads_the_check_from_the_folder_of_plugins() -> None:
    plugins, errors = _load_plugins_from_plugin_directory(str(ROOT / "plugins"))
    assert errors == {}
    assert [one.name for one in plugins].count("lis_host_check") == 1
    [entry] = [one for plugin in plugins for one in plugin.fastapi_root_middlewares]
    assert entry["middleware"].__name__ == "HostCheck"


def test_airflow_puts_the_check_before_all_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = HostCheckPlugin.fastapi_root_middlewares
    monkeypatch.setattr("airflow.plugins_manager.get_fastapi_plugins", lambda: ([], entries))
    app = FastAPI()
    init_plugins(app)
    assert [one.cls for one in app.user_middleware] == [HostCheck]


@pytest.mark.parametrize(
    ("host", "admins"), [("0.0.0.0", "True"), ("127.evil.example", "true"), ("::", "1")]
)
def test_make_up_refuses_to_make_everyone_an_admin_off_this_machine(
    host: str, admins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__HOST", host)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", admins)
    done = subprocess.run(
        ["bash", str(ROOT / "scripts/up.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: everyone is an admin of this Airflow, so AIRFLOW__API__HOST")
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=False" in line
    assert not (tmp_path / "data").exists()
