"""Loads a scenario by its shipped name or by path; errors explain the problem in one line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from jobs.common.errors import InputError
from jobs.scenarios.base import Frozen
from jobs.scenarios.config import Scenario
from jobs.scenarios.yaml_file import read_yaml

SHIPPED = Path(__file__).parent
_TAGS = ("table", "simulated", "csv", "parquet", "code")
"""Tags of union variants, which pydantic adds to error locations but which are not YAML keys."""


def shipped_scenarios() -> list[str]:
    """Names of the scenarios that come with the project, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_scenario(name_or_path: str) -> Scenario:
    """Read a shipped scenario (by name) or a YAML file (by path).

    Raises:
        InputError: If there is no such scenario, the file is not YAML or too large, or a key or
            value is not valid. The message names the file and key, and for a misspelt key the
            nearest valid one.
    """
    path = _find(name_or_path)
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys such as 'name:' and 'source:', found none")
    content.setdefault("name", path.stem)
    try:
        scenario = Scenario.model_validate(content, context={"folder": path.parent})
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error)}") from error
    return scenario.named_as(name_or_path)


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not os.path.isfile(path):
            raise InputError(f"scenario file {name_or_path} does not exist")
        return path
    path = SHIPPED / f"{name_or_path}.yaml"
    if not os.path.isfile(path):
        names = shipped_scenarios()
        near = get_close_matches(name_or_path, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(
            f"unknown scenario {name_or_path!r}: {hint}use one of {', '.join(names)}, "
            "or give the path of a YAML file"
        )
    return path


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    if first["type"] == "extra_forbidden":
        near = get_close_matches(str(first["loc"][-1]), _valid_keys(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown key {_shorten(key)}{hint}"
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    message = _cut(first["msg"].removeprefix("Value error, "))
    return f"{key or 'scenario'}: {message} (got {_shorten(first['input'])})"


def _cut(message: str) -> str:
    """A message without the middle of a long value in it."""
    return message if len(message) <= 300 else f"{message[:150]} … {message[-140:]}"


def _shorten(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _valid_keys() -> Iterable[str]:
    return sorted({field for model in Frozen.__subclasses__() for field in model.model_fields})
