"""Code of a user's own, named in a scenario as ``path/to/file.py:Name`` or ``module:Name``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from jobs.common.errors import InputError

REFERENCE = r"^.+:[A-Za-z_][A-Za-z0-9_]*$"


def resolved(reference: str, folder: Path | None = None) -> str:
    """A reference to a file with its path made absolute, others as they are.

    The file is looked for beside the scenario's file (``folder``), then in the working folder. One
    that is in neither stays as it is, for ``source_file`` to refuse.
    """
    where, name = _parts(reference)
    for start in (folder or Path(), Path()):
        if _is_file_name(where) and (start / where).is_file():
            return f"{(start / where).resolve()}:{name}"
    return reference


def source_file(reference: str) -> Path:
    """The Python file that defines the class. Does not run it.

    Raises:
        InputError: there is no such file or module.
    """
    where, _ = _parts(reference)
    if _is_file_name(where):
        path = Path(where)
        if not path.is_file():
            raise InputError(
                f"{reference}: there is no file {where}: give a path that is absolute, or relative "
                "to the scenario's file or the working folder"
            )
        return path
    try:
        found = importlib.util.find_spec(where)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.has_location or found.origin is None:
        raise InputError(
            f"{reference}: there is no module {where}: put its folder on PYTHONPATH, or name the "
            "file as path/to/file.py:Name"
        )
    return Path(found.origin)


def identity(reference: str) -> dict[str, str]:
    """What tells a class from others wherever its file lies: its name, and its file's SHA-256."""
    _, name = _parts(reference)
    return {"class": name, "source": sha256(source_file(reference).read_bytes()).hexdigest()}


def load_class(reference: str) -> type:
    """Import the class.

    Raises:
        InputError: there is no such file or class, or the file cannot be run.
    """
    found = load_object(reference)
    if not isinstance(found, type):
        raise _missing(reference)
    return found


def load_object(reference: str) -> object:
    """Import a class, or whatever else has the name.

    Raises:
        InputError: there is no such file or name, or the file cannot be run.
    """
    where, name = _parts(reference)
    path = source_file(reference)
    try:
        module = _run_file(path) if _is_file_name(where) else importlib.import_module(where)
    # A user's file may fail in any way; whichever it was, the one line says where to look.
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path} cannot be imported: {message}") from error
    if not hasattr(module, name):
        raise _missing(reference)
    found: object = getattr(module, name)
    return found


def _missing(reference: str) -> InputError:
    _, name = _parts(reference)
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


def _parts(reference: str) -> tuple[str, str]:
    where, _, name = reference.rpartition(":")
    return where, name


def _is_file_name(where: str) -> bool:
    return where.endswith(".py")
