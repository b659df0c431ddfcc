#!/usr/bin/env bash
# Builds .venv-bench: the trainer's peers, with the torch that the project trains with, and DuckDB,
# the peer of the behaviour jobs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -x .venv-bench/bin/python ] || "$(command -v python3.11)" -m venv .venv-bench
install() { .venv-bench/bin/python -m pip install -qq --disable-pip-version-check "$@"; }

# The peers' own lists ask for GPU builds, so only what they import is installed beside them.
install -c requirements.txt -c constraints.txt \
  torch pandas pyarrow scikit-learn pydantic pyyaml tqdm
install --no-deps -r requirements-sharded.txt fuxictr==2.3.10 torch-rechub==0.9.0 \
  importlib_metadata zipp iopath portalocker polars==2.1.0 polars-runtime-32==2.1.0 h5py
install -c requirements.txt -c constraints.txt "ray[data]==2.52.0"
install duckdb==2.0.0
