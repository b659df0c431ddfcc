"""Show that two lakes hold the same tables: every file's bytes, else every value's.

A table whose columns or digests were meant to change still has to hold the same values. Manifests
are left out, as they name the code and the digests that made them.

    python scripts/compare_lakes.py OLD NEW [--ignore COLUMN ...] [--renamed OLD=NEW ...]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DATA = (".parquet", ".safetensors")


def partitions(lake: Path) -> dict[str, list[Path]]:
    """Data files of every published partition, by the partition's path below the lake."""
    found: dict[str, list[Path]] = {}
    for manifest in sorted(lake.rglob("_manifest.json")):
        folder = manifest.parent
        # A folder named key=value below is a partition of its own.
        found[str(folder.relative_to(lake))] = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix in DATA and "=" not in str(path.relative_to(folder))
        )
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def difference(
    old: list[Path], new: list[Path], ignored: set[str], renamed: dict[str, str]
) -> str | None:
    """How the values of two partitions differ; None where they do not."""
    if [path.suffix for path in old] != [path.suffix for path in new]:
        return f"{len(old)} and {len(new)} files"
    for first, second in zip(old, new, strict=True):
        if digest(first) == digest(second):
            continue
        if first.suffix != ".parquet":
            return f"bytes of {first.name}"
        before, after = pq.read_table(first), pq.read_table(second)
        before = before.rename_columns([renamed.get(name, name) for name in before.column_names])
        names = [set(table.column_names) - ignored for table in (before, after)]
        if names[0] != names[1]:
            return f"columns {sorted(names[0] ^ names[1])}"
        for name in sorted(names[0]):
            if not same_values(before[name], after[name]):
                return f"values of {name}"
    return None


def same_values(before: pa.ChunkedArray, after: pa.ChunkedArray) -> bool:
    """Equal to the last bit, with NaN equal to NaN."""
    return before.type == after.type and repr(before.to_pylist()) == repr(after.to_pylist())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--ignore", nargs="*", default=[], help="columns that may differ")
    parser.add_argument("--renamed", nargs="*", default=[], metavar="OLD=NEW")
    options = parser.parse_args()
    old, new = partitions(options.old), partitions(options.new)
    renamed = dict(pair.split("=") for pair in options.renamed)
    same_bytes: Counter[str] = Counter()
    same_only: Counter[str] = Counter()
    different = [f"{path}: only in one lake" for path in sorted(old.keys() ^ new.keys())]
    for path in sorted(old.keys() & new.keys()):
        table = path.partition("/")[0]
        if [digest(file) for file in old[path]] == [digest(file) for file in new[path]]:
            same_bytes[table] += 1
            continue
        found = difference(old[path], new[path], set(options.ignore), renamed)
        if found is None:
            same_only[table] += 1
        else:
            different.append(f"{path}: {found}")
    for table in sorted({*same_bytes, *same_only}):
        print(f"{table:12} {same_bytes[table]:6} same bytes {same_only[table]:6} same values")
    print(f"{len(different)} partitions differ")
    print("\n".join(different[:20]))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
