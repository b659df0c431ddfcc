"""Passwords in URIs must not appear in an error, a log or a link."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from types import TracebackType
from urllib.parse import unquote

# A password may hold characters that should have been escaped, even an @.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/?#@]*:\S*|[^\s/?#@]*)@")
_PARAMETER = re.compile(
    r"(?<=[?&])(\w*(?:password|passwd|secret|token|access_key)\w*)=[^&\s'\"]*", re.IGNORECASE
)
_URI_WITH_PASSWORD = re.compile(r"[\w+.-]+://[^/?#@:]*:(.+)@", re.DOTALL)
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SHORTEST = 3
"""A shorter password is no secret, and is in too many words to be replaced."""

HIDDEN = "***"


def without_password(text: str) -> str:
    """A text without users and passwords of the URIs in it, and without those of the environment.

    Args:
        text: an error, a line of a log, or an address.
    """
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    return _PARAMETER.sub(rf"\1={HIDDEN}", _USER_INFO.sub("", text))


def _secrets() -> list[str]:
    """Passwords in the environment, those of URIs as written and decoded; the longest first."""
    found = [value for name in _SECRET_VARIABLES if (value := os.environ.get(name))]
    found += [
        matched[1]
        for value in os.environ.values()
        if "://" in value and (matched := _URI_WITH_PASSWORD.match(value))
    ]
    secrets = {*found, *map(unquote, found)}
    return sorted((text for text in secrets if len(text) > _SHORTEST), key=len, reverse=True)


class SafeFormatter(logging.Formatter):
    """Formats a record without passwords, those of its exception included."""

    def format(self, record: logging.LogRecord) -> str:
        return without_password(super().format(record))


def hide_in_tracebacks() -> None:
    """Print an error that ends this process without passwords."""
    sys.excepthook = _print_without_password


def _print_without_password(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    lines = traceback.format_exception(kind, error, trace)
    print(without_password("".join(lines)), end="", file=sys.stderr)
