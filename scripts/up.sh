#!/usr/bin/env bash
# Starts Airflow and MLflow on this machine, on the loopback address only. Ctrl-C stops both.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
source "$here/env.sh"

if [[ "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS,,}" =~ ^(true|t|1)$ ]]; then
  # Airflow would let everyone who reaches the address run what they like.
  if ! [[ "$AIRFLOW__API__HOST" =~ ^(localhost|127(\.[0-9]{1,3}){3}|::1)$ ]]; then
    echo "error: everyone is an admin of this Airflow, so AIRFLOW__API__HOST must be a loopback address," \
      "not $AIRFLOW__API__HOST: set AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=False, which asks for" \
      "a password" >&2
    exit 2
  fi
  echo "No login: everyone who can open Airflow on this machine is its admin; other machines cannot."
fi

# Another server on the port would answer in place of ours.
for port in "$LIS_AIRFLOW_PORT" "$LIS_MLFLOW_PORT"; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "error: something already listens on port $port: stop it, or set LIS_AIRFLOW_PORT or" \
      "LIS_MLFLOW_PORT to a free one" >&2
    exit 2
  fi
done

logs="$LIS_DATA/logs"
mkdir -p "$logs" "$LIS_DATA/mlflow/artifacts"
echo "Preparing Airflow and MLflow…"
"$here/airflow_setup.sh" >"$logs/setup.log" 2>&1 || { tail -20 "$logs/setup.log" >&2; exit 1; }
pids=()

start() { # name command…
  local name="$1"
  shift
  setsid "$@" >"$logs/$name.log" 2>&1 &
  pids+=("$!")
}

stop() {
  trap - EXIT INT TERM
  echo "Stopping…"
  for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  for _ in $(seq 20); do
    local left=0
    for pid in "${pids[@]}"; do kill -0 -- "-$pid" 2>/dev/null && left=1; done
    [ "$left" = 0 ] && return
    sleep 0.5
  done
  for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "Starting them; this takes about a minute…"
start airflow-api-server airflow api-server
# Airflow's log servers would listen on all addresses. All services read the same folder of logs.
start airflow-scheduler airflow scheduler --skip-serve-logs
start airflow-dag-processor airflow dag-processor
start airflow-triggerer airflow triggerer --skip-serve-logs
start mlflow mlflow server --host 127.0.0.1 --port "$LIS_MLFLOW_PORT" --workers 1 \
  --backend-store-uri "sqlite:///$LIS_DATA/mlflow/mlflow.db" \
  --artifacts-destination "$LIS_DATA/mlflow/artifacts"

healthy() { # name url
  for _ in $(seq 120); do
    curl --silent --fail --output /dev/null "$2" && return
    for pid in "${pids[@]}"; do
      kill -0 "$pid" 2>/dev/null || { echo "A service ended early; see $logs" >&2; exit 1; }
    done
    sleep 1
  done
  echo "$1 did not come up at $2; see $logs" >&2
  exit 1
}
airflow_url="http://127.0.0.1:$LIS_AIRFLOW_PORT"
mlflow_url="http://127.0.0.1:$LIS_MLFLOW_PORT"
healthy Airflow "$airflow_url/api/v2/version"
healthy MLflow "$mlflow_url/health"
if [ "$(curl --silent --output /dev/null --write-out '%{http_code}' --header 'Host: example.invalid' "$airflow_url")" != 400 ]; then
  echo "error: Airflow answers pages of other sites: its plugins are not loaded, see \`airflow plugins\`" >&2
  exit 1
fi

echo "Airflow  $airflow_url"
python "$here/mlflow_pages.py" | sed 's/^/MLflow   /'
echo "Logs     $logs"
echo "To score, open the DAG lis_daily__simulated_feed and trigger it; the form may stay empty."
echo "Ctrl-C stops both."
wait -n
echo "A service ended; see $logs" >&2
exit 1
