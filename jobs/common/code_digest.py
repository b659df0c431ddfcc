"""A digest of the code that computed a stored table or result, found from its imports.

The digest is one of the inputs of a stored table, so that an edited algorithm makes it stale. It
covers the named modules and all modules of the project that they import, directly or through
others: at the top of a file, inside a function, or by ``lazy_module("…")``. Comments, docstrings,
descriptions of options and imports for type checkers do not count. Two installations with the
same code have the same digest, in whatever folders they lie.

Two things are left out on purpose. Other packages: their versions are not the project's code. And
the ``__init__`` of a package through which an import only passes: ``from jobs.lake.schemas import
MOMENT`` counts ``jobs.lake.schemas``, while ``from jobs.lake import Lake`` counts ``jobs.lake``.
"""

from __future__ import annotations

import ast
import site
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jobs.common.paths import PROJECT

_PACKAGE = "jobs"
_IMPORTING_CALLS = {"import_module", "lazy_module"}

Find = Callable[[str], Path | None]


@cache
def code_digest(*modules: str) -> str:
    """SHA-256 over modules of the project and everything of the project that they import.

    Files are read once: the code of a running process does not change.

    Args:
        *modules: Dotted names, such as ``"jobs.lis.probe"``. Their order does not matter.

    Raises:
        ModuleNotFoundError: If the project has no module of that name.
    """
    starts: dict[str, Path] = {}
    for name in modules:
        path = _project_file(name)
        if path is None:
            raise ModuleNotFoundError(f"the project has no module {name}")
        starts[name] = path
    return _digest(starts, _project_file)


def file_code_digest(path: Path) -> str:
    """SHA-256 over a user's Python file and the code that it imports.

    That code is modules of the project, and modules beside the file: of its folder, or where the
    file belongs to a package, of this package. The folder does not count, nor does the name of a
    file without a package. Files are read each time, for a user may edit them while a process runs.
    """
    path = path.resolve()
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    package = path.relative_to(root).parts[0] if root != path.parent else None
    name = ".".join(path.relative_to(root).with_suffix("").parts) if package else ""
    # A single file that pip installed lies beside all other packages, which are not its code.
    is_alone = package is None and str(root) in site.getsitepackages()

    def find(imported: str) -> Path | None:
        is_users = not is_alone and package in (None, imported.split(".")[0])
        return _project_file(imported) or (_file_below(root, imported) if is_users else None)

    return _digest({name: path}, find)


def is_project_file(path: Path) -> bool:
    """Whether a file lies in the project's package."""
    return path.resolve().is_relative_to(PROJECT / _PACKAGE)


@dataclass(frozen=True)
class _Module:
    """A module whose file was read.

    Attributes:
        code: Digest of the code of the file.
        imports: For each import, the names that it may refer to, the longest first.

    One statement may have several candidates: ``from a import b`` imports module ``a.b`` if there
    is one, else ``a``.
    """

    code: str
    imports: tuple[tuple[str, ...], ...]


def _digest(starts: dict[str, Path], find: Find) -> str:
    reached: dict[Path, tuple[str, str]] = {}
    ahead = list(starts.items())
    while ahead:
        name, path = ahead.pop()
        if path in reached:
            continue
        module = _read(path, name)
        reached[path] = name, module.code
        for names in module.imports:
            found = ((candidate, find(candidate)) for candidate in names)
            ahead += [(candidate, file) for candidate, file in found if file is not None][:1]
    return sha256(repr(sorted(reached.values())).encode()).hexdigest()


def _project_file(name: str) -> Path | None:
    return _file_below(PROJECT, name) if name.split(".")[0] == _PACKAGE else None


def _file_below(root: Path, name: str) -> Path | None:
    place = root.joinpath(*name.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def _read(path: Path, name: str) -> _Module:
    stat = path.stat()
    return _parsed(path, _package_of(path, name), stat.st_mtime_ns, stat.st_size)


@cache
def _parsed(path: Path, package: str, _mtime_ns: int, _size: int) -> _Module:
    tree = _CodeOnly().visit(ast.parse(path.read_bytes()))
    code = sha256(ast.dump(tree).encode()).hexdigest()
    return _Module(code, tuple(dict.fromkeys(_imports(tree, package))))


def _package_of(path: Path, name: str) -> str:
    """The package to which relative imports of a module refer."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            yield from ((f"{module}.{alias.name}".lstrip("."), module) for alias in node.names)
        elif isinstance(node, ast.Call) and _name(node.func) in _IMPORTING_CALLS:
            yield from (
                (argument.value,)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


def _absolute(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".") if node.level and package else []
    parts = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*parts, *([node.module] if node.module else [])])


def _name(node: ast.expr) -> str:
    """``f`` of ``f`` and of ``module.f``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _CodeOnly(ast.NodeTransformer):
    """Removes from a module everything that does not change its behaviour."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Removes docstrings, and strings that describe a constant."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Removes descriptions of options."""
        if _name(node.func) == "Field":
            node.keywords = [word for word in node.keywords if word.arg != "description"]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | Iterable[ast.AST]:
        """Removes imports for type checkers, which never run."""
        if _name(node.test) != "TYPE_CHECKING":
            return self.generic_visit(node)
        return [self.visit(statement) for statement in node.orelse]
