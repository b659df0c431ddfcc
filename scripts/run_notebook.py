"""Run a notebook from top to bottom, and write it back with what its cells print and draw.

    python scripts/run_notebook.py NOTEBOOK [--out FILE]

It reads the lake of the environment, as ``lis`` does. Times of execution are left out, so that the
same results give the same file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, help="where to write it (default: in place)")
    options = parser.parse_args()
    notebook = nbformat.read(options.notebook, as_version=4)
    NotebookClient(notebook, timeout=300).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, options.out or options.notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
