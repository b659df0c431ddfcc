#!/usr/bin/env bash
# What aligning an encoder really brings on a simulated feed: Airflow runs the DAGs of LIS and AIS.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
source "$here/env.sh"
cd "$LIS_ROOT"

scenario=simulated_content
preference=id_embedding
as_of=2026-02-04:2026-02-08
leak='"horizons": [14], "modes": ["probe"]'
log="$LIS_DATA/logs/align-demo.log"
mkdir -p "$LIS_DATA/logs"

# Run a DAG from end to end and show how far it is.
run_dag() {
  local started=$SECONDS state
  echo "Airflow runs $1 as of $as_of (log: $log)"
  airflow dags test "$1" --conf "$2" 2>&1 | tee "$log" | python "$here/demo_progress.py" || true
  state="$(grep -o 'DagRun Finished.* state=[a-z]*' "$log" | tail -1 | sed 's/.*=//' || true)"
  if [ "$state" != success ]; then
    echo "The run ended as ${state:-unknown}; its log: $log" >&2
    tail -30 "$log" >&2
    exit 1
  fi
  echo "Done in $((SECONDS - started)) s."
  echo
}

echo "Preparing Airflow and MLflow…"
"$here/airflow_setup.sh" >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }

# The gate goes by a LIS, and an encoder needs the feed and its rankers.
found="$LIS_LAKE/lis/scenario=$scenario/ds=${as_of#*:}/ranker=*/preference=$preference"
if ! compgen -G "$found" >/dev/null; then
  run_dag "lis_daily__$scenario" "{\"as_of\": \"$as_of\", \"preferences\": [\"$preference\"], $leak}"
fi
run_dag "alignment__$scenario" "{\"as_of\": \"$as_of\", \"preferences\": [\"$preference\"]}"

python -m jobs gate --scenario "$scenario" --as-of "${as_of#*:}" --preference "$preference" 2>>"$log"
python -m jobs ais --scenario "$scenario" --as-of "$as_of" --preference "$preference" 2>>"$log"
echo
echo "The report:  $LIS_DATA/reports/$scenario/latest.html"
echo "The pages:   make up, then"
echo "             http://127.0.0.1:$LIS_AIRFLOW_PORT  Airflow"
python "$here/mlflow_pages.py" | sed 's/^/             /'
