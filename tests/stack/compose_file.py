"""docker-compose.yaml as docker compose reads it: variables put in, services of the profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parents[2] / "docker-compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\}")


@dataclass(frozen=True)
class Service:
    """What a service of the file says that matters to whoever runs it without Docker.

    Attributes:
        name: Of the service.
        command: Words of its command; empty for that of the image.
        environment: Its variables.
        healthcheck: Words of the command that tells whether it is healthy; empty without one.
        waits_for: Condition by name of another service.
        restarts: Whether it is started again whenever it ends.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    healthcheck: tuple[str, ...]
    waits_for: Mapping[str, str]
    restarts: bool


def interpolate(text: str, given: Mapping[str, str]) -> str:
    """A value with its variables put in, as the Compose Specification says.

    Raises:
        KeyError: If a required variable is not given, or empty.
    """

    def value(match: re.Match[str]) -> str:
        name, how = match["name"], match["how"]
        found = given.get(name, "")
        if how == ":?" and not found:
            raise KeyError(name)
        return found or match["rest"] if how == ":-" else found

    return _VARIABLE.sub(value, text)


def read_services(given: Mapping[str, str], profiles: set[str]) -> dict[str, Service]:
    """Services that run with these profiles.

    Args:
        given: What .env has.
        profiles: Names of profiles that are switched on.
    """
    file: dict[str, Any] = yaml.safe_load(PATH.read_text())
    return {
        name: _service(name, told, given)
        for name, told in file["services"].items()
        if not told.get("profiles") or profiles.intersection(told["profiles"])
    }


def _service(name: str, told: Mapping[str, Any], given: Mapping[str, str]) -> Service:
    variables = {
        key: interpolate(str(value), given) if value is not None else given.get(key)
        for key, value in told.get("environment", {}).items()
    }
    test = told.get("healthcheck", {}).get("test", ["CMD"])
    return Service(
        name=name,
        command=tuple(interpolate(str(word), given) for word in told.get("command", ())),
        environment={key: value for key, value in variables.items() if value is not None},
        healthcheck=tuple(interpolate(str(word), given) for word in test[1:]),
        waits_for={other: how["condition"] for other, how in told.get("depends_on", {}).items()},
        restarts=told.get("restart", "no") in ("always", "unless-stopped"),
    )
