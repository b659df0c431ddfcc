"""Requests to Airflow and MLflow, with a login and without."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def status(url: str, method: str = "GET", **headers: str) -> int:
    """Status of the answer to a request; redirections are not followed."""
    request = urllib.request.Request(url, method=method, headers=headers)
    if method in ("POST", "PUT", "PATCH"):
        request.data = b"{}"
        request.add_header("Content-Type", "application/json")
    try:
        with _OPENER.open(request, timeout=30) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        return error.code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class Airflow:
    """Airflow's REST API, as a user with a password calls it."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address = address
        body = {"username": name, "password": password}
        self._token = ""
        self._token = self.call("POST", "/auth/token", body)["access_token"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that is answered.

        Raises:
            RuntimeError: If the request is refused.
        """
        request = urllib.request.Request(f"{self.address}{path}", method=method)
        request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def runs(self, dag: str) -> dict[str, str]:
        """State of each run of a DAG."""
        found = self.call("GET", f"/api/v2/dags/{dag}/dagRuns?limit=100")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in found}

    def tasks(self, dag: str, run: str) -> dict[str, list[str | None]]:
        """States of the instances of each task of a run."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=100"
        states: dict[str, list[str | None]] = {}
        for instance in self.call("GET", path)["task_instances"]:
            states.setdefault(instance["task_id"], []).append(instance["state"])
        return states


def basic(name: str, password: str) -> str:
    """Value of the header Authorization."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
