"""Ways in which a file of the lake can be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def flip(path: Path, position: int = -1) -> None:
    """Change one bit of a file, whose size and name stay."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def _flip_middle(path: Path) -> None:
    flip(path, path.stat().st_size // 2)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first byte": lambda path: flip(path, 0),
    "middle byte": _flip_middle,
    "last byte": flip,
    "cut": _cut,
    "grown": _grow,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
    "folder": _replace_by_folder,
}
