"""Custom code, named in a scenario as ``path/to/file.py:Name`` or ``module:Name``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from jobs.common.errors import InputError

REFERENCE = r"^.+:[A-Za-z_][A-Za-z0-9_]*$"


def resolve_reference(reference: str, folder: Path | None = None) -> str:
    """Make the path of a reference to a file absolute; return other references unchanged.

    The file is searched in the folder of the scenario's file, then in the working folder. If it is
    in neither, the reference is returned unchanged and ``source_file`` refuses it later.

    Args:
        reference: ``path/to/file.py:Name`` or ``module:Name``.
        folder: folder of the scenario's file (default: the working folder).
    """
    location, name = _split(reference)
    for start in (folder or Path(), Path()):
        if _is_file_name(location) and os.path.isfile(start / location):
            return f"{(start / location).resolve()}:{name}"
    return reference


def source_file(reference: str) -> Path:
    """The Python file that defines the object, found without running it.

    Raises:
        InputError: If there is no such file or module.
    """
    location, _ = _split(reference)
    if _is_file_name(location):
        path = Path(location)
        if not os.path.isfile(path):
            raise InputError(
                f"{reference}: there is no file {location}: give a path that is absolute, or "
                "relative to the scenario's file or the working folder"
            )
        return path
    try:
        spec = importlib.util.find_spec(location)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.has_location or spec.origin is None:
        raise InputError(
            f"{reference}: there is no module {location}: put its folder on PYTHONPATH, or give "
            "the file as path/to/file.py:Name"
        )
    return Path(spec.origin)


def code_identity(reference: str) -> dict[str, str]:
    """Name of a class and SHA-256 of its file, wherever the file is stored."""
    _, name = _split(reference)
    return {"class": name, "source": sha256(source_file(reference).read_bytes()).hexdigest()}


def load_class(reference: str) -> type:
    """Import a class.

    Raises:
        InputError: If there is no such file or class, or the file cannot be run.
    """
    found = load_object(reference)
    if not isinstance(found, type):
        raise _missing(reference)
    return found


def load_object(reference: str) -> object:
    """Import any object: a class, an instance or a function.

    Raises:
        InputError: If there is no such file or name, or the file cannot be run.
    """
    location, name = _split(reference)
    path = source_file(reference)
    try:
        module = _run_file(path) if _is_file_name(location) else importlib.import_module(location)
    # Custom code may fail with any exception; the message must name the file in every case.
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path} cannot be imported: {message}") from error
    if not hasattr(module, name):
        raise _missing(reference)
    found: object = getattr(module, name)
    return found


def _missing(reference: str) -> InputError:
    _, name = _split(reference)
    return InputError(f"{source_file(reference)} has no class {name}: name one that it defines")


def _run_file(path: Path) -> ModuleType:
    digest = sha256(path.read_bytes()).hexdigest()
    module_name = f"{path.stem}_{digest[:16]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _split(reference: str) -> tuple[str, str]:
    location, _, name = reference.rpartition(":")
    return location, name


def _is_file_name(location: str) -> bool:
    return location.endswith(".py")
