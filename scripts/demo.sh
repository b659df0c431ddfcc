#!/usr/bin/env bash
# One run of the daily DAG by Airflow on the simulated feed, and what came of it.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
source "$here/env.sh"
cd "$LIS_ROOT"

scenario=simulated_feed
as_of=2026-01-25:2026-01-31
log="$LIS_DATA/logs/demo.log"
mkdir -p "$LIS_DATA/logs"

echo "Preparing Airflow and MLflow…"
"$here/airflow_setup.sh" >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }

echo "Airflow runs lis_daily__$scenario as of $as_of, 7 and 30 days of leak (log: $log)"
started=$SECONDS
airflow dags test "lis_daily__$scenario" --conf "{\"as_of\": \"$as_of\", \"horizons\": [7, 30], \"modes\": [\"swap\"]}" \
  2>&1 | tee -a "$log" | python "$here/demo_progress.py" || true
state="$(grep -o 'DagRun Finished.* state=[a-z]*' "$log" | tail -1 | sed 's/.*=//')"
if [ "$state" != success ]; then
  echo "The run ended as ${state:-unknown}; its log: $log" >&2
  tail -30 "$log" >&2
  exit 1
fi
echo "Done in $((SECONDS - started)) s."
echo
python -m jobs lis --scenario "$scenario" --as-of "$as_of" --horizons 7,30 --mode swap 2>>"$log"
echo
echo "The report:  $LIS_DATA/reports/$scenario/latest.html"
echo "The pages:   make up, then"
echo "             http://127.0.0.1:$LIS_AIRFLOW_PORT  Airflow"
python "$here/mlflow_pages.py" | sed 's/^/             /'
echo "Your log:    docs/your-log.md"
