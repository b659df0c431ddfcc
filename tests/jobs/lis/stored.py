"""What is stored, for tests that compare it before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.evaluation.result import LisResult
from jobs.lake import Lake


def state(lake: Lake, *tables: str) -> dict[str, tuple[bytes, int]]:
    """Content of every file of some tables, and when it was written."""
    root = Path(lake.storage.absolute(""))
    files = [path for table in tables for path in (root / table).rglob("*") if path.is_file()]
    return {str(f.relative_to(root)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}


def without_seconds(results: Sequence[LisResult]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in result.to_dict().items() if name != "seconds"}
        for result in results
    ]
