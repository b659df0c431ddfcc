#!/usr/bin/env bash
# What aligning an encoder really brings on the simulated feed: one run of its DAG by Airflow.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
source "$here/env.sh"
cd "$LIS_ROOT"

scenario=simulated_feed
preference=id_embedding
as_of=2026-01-25:2026-01-31
log="$LIS_DATA/logs/align-demo.log"
mkdir -p "$LIS_DATA/logs"

# The gate goes by a LIS, and an encoder needs the feed and its rankers: the demo makes them.
if ! compgen -G "$LIS_LAKE/lis/scenario=$scenario/ds=${as_of#*:}/ranker=*/preference=$preference/mode=*" >/dev/null; then
  "$here/demo.sh"
  echo
else
  echo "Preparing Airflow and MLflow…"
  "$here/airflow_setup.sh" >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
fi

echo "Airflow runs alignment__$scenario as of $as_of on $preference (log: $log)"
started=$SECONDS
airflow dags test "alignment__$scenario" --conf "{\"as_of\": \"$as_of\", \"preferences\": [\"$preference\"]}" \
  2>&1 | tee "$log" | python "$here/demo_progress.py" || true
state="$(grep -o 'DagRun Finished.* state=[a-z]*' "$log" | tail -1 | sed 's/.*=//')"
if [ "$state" != success ]; then
  echo "The run ended as ${state:-unknown}; its log: $log" >&2
  tail -30 "$log" >&2
  exit 1
fi
echo "Done in $((SECONDS - started)) s."
echo
python -m jobs ais --scenario "$scenario" --as-of "$as_of" --preference "$preference" 2>>"$log"
echo
echo "The report:  $LIS_DATA/reports/$scenario/latest.html"
echo "The pages:   make up, then"
echo "             http://127.0.0.1:$LIS_AIRFLOW_PORT  Airflow"
python "$here/mlflow_pages.py" | sed 's/^/             /'
