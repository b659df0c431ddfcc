"""Modules that are imported at their first use, so that a file with heavy imports loads fast.

Airflow parses the DAGs every few seconds, and each command of the command line imports the kinds of
preference data: files that contain a declaration together with its Spark code. Type checkers read
the real imports:

    if TYPE_CHECKING:
        from pyspark.sql import functions as F
    else:
        F = lazy_module("pyspark.sql.functions")
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Spark sends functions to its workers together with the modules that they use."""
        return lazy_module, (self.__name__,)


def lazy_module(name: str) -> Any:
    """A proxy of a module, which imports it when one of its attributes is read.

    Args:
        name: Dotted name, as a literal: ``code_digest`` follows it as an import.
    """
    return _LazyModule(name)
