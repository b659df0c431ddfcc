#!/usr/bin/env bash
# Removes what was made, after a question. Raw logs and the history of MLflow stay unless "all" is
# given: no command of this project can bring them back. YES=1 answers the question.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

candidates=(.venv site build ./*.egg-info .mypy_cache .pytest_cache .ruff_cache
  data/lake data/reports data/airflow data/logs)
kept=(data/raw data/mlflow)
if [ "${1:-}" = all ]; then
  candidates+=("${kept[@]}")
  kept=()
fi

found=()
for path in "${candidates[@]}"; do
  if [ -e "$path" ] || [ -L "$path" ]; then found+=("$path"); fi
done
if [ ${#found[@]} -eq 0 ]; then
  echo "Nothing to remove."
  exit
fi

echo "To remove from $root:"
# A link goes, what it points to stays.
du -sh -- "${found[@]}" | sed 's/^/  /'
for path in "${kept[@]}"; do
  if [ -e "$path" ]; then echo "Stays: $path (make clean ALL=1 removes it too)"; fi
done
if [ "${YES:-}" != 1 ]; then
  if [ ! -t 0 ]; then
    echo "Nothing removed: there is nobody to ask. To answer yes: make clean YES=1" >&2
    exit 1
  fi
  read -r -p "Remove these? [y/N] " answer || answer=no
  case "$answer" in
    y | Y | yes) ;;
    *)
      echo "Nothing removed."
      exit
      ;;
  esac
fi
rm -rf -- "${found[@]}"
