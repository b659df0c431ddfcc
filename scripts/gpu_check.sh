#!/usr/bin/env bash
# Measures the ranker on a CUDA device beside the CPU, on a small simulated feed: scripts/gpu_check.sh [LAKE]
# The lake is made where it is missing; that alone needs Spark. Elsewhere, copy a lake there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lake=${1:-data/gpu_check/lake}
if [[ -x .venv/bin/python ]]; then source scripts/env.sh; fi
if [[ ! -d "$lake" ]]; then
  raw=data/gpu_check/raw
  export LIS_LAKE="$lake"
  python -m jobs simulate --scenario simulated_feed --out "$raw" --days 40 --rows-per-day 6000
  python -m jobs ingest --scenario simulated_feed --raw "$raw"
  python -m jobs train --scenario simulated_feed
  python -m jobs lis --scenario simulated_feed --as-of 2026-02-03 --horizons 7 --mode probe --preference id_embedding
fi
python -m tests.benchmarks.gpu "$lake"
# Needs the extra of `make setup-align`; models are made here, so that nothing is downloaded.
if python -c 'import transformers, peft' 2>/dev/null; then
  python -m tests.benchmarks.gpu_alignment --items 1500
fi
