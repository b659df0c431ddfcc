"""Errors of Spark about a file that was replaced or removed while it was read."""

from __future__ import annotations

import re
from urllib.parse import unquote

_WHEN_PLANNED = re.compile(r"\[PATH_NOT_FOUND\] Path does not exist: (\w+:/.+)\. SQLSTATE")
_WHEN_READ = re.compile(r"\[FAILED_READ_FILE\.FILE_NOT_EXIST\].* (\w+:/\S+)\. File does not")
_LOCAL = re.compile(r"^file:/+")


def replaced_file(error: Exception) -> str | None:
    """The file that Spark did not find any more, as a path or URI; None for any other error.

    On a local disk a partition's files are removed when others take their place. A command that has
    read its manifest just before then finds none.
    """
    text = str(error)
    if found := _WHEN_PLANNED.search(text):
        return _LOCAL.sub("/", found[1])
    if found := _WHEN_READ.search(text):
        return unquote(_LOCAL.sub("/", found[1]))
    return None
