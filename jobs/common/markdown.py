"""Text of users in Markdown that MLflow or Airflow renders: it is shown as it is."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"[\\`*_{}\[\]~|!]")
_AT_THE_START = re.compile(r"^(?:[#+=-]|\d+(?=[.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINKED = re.compile(r"@|:(?=//|[\w+-]+:)|(?<=www)\.", re.IGNORECASE)
"""What makes an address, a name or an icon of plain text: MLflow's renderer follows GitHub's."""


def plain(text: object) -> str:
    """Escape all that Markdown or HTML would interpret; a line break becomes a space."""
    line = " ".join(str(text).split())
    line = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], line)
    line = _ESCAPED.sub(lambda found: f"\\{found[0]}", line)
    line = _LINKED.sub(lambda found: f"&#{ord(found[0])};", line)
    return _AT_THE_START.sub(_escaped_start, line)


def code(text: object) -> str:
    """A code span, in which nothing is interpreted; backticks would end it and become quotes."""
    line = " ".join(str(text).split()).replace("`", "'")
    return f"`{line}`"


def _escaped_start(found: re.Match[str]) -> str:
    start = found[0]
    return f"&#{ord(start[0])};{start[1:]}" if start.isdigit() else f"\\{start}"
