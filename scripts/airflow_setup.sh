#!/usr/bin/env bash
# Makes Airflow's database, connection and pool ready. Running it again changes nothing.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
source "$here/env.sh"

mkdir -p "$AIRFLOW_HOME" "$LIS_RAW"
airflow db migrate
# Tasks run on the master that the command line uses.
connections="$(mktemp --suffix=.json)"
trap 'rm -f "$connections"' EXIT
sed "s|local\[\*\]|$LIS_SPARK_MASTER|" "$here/airflow_connections.json" >"$connections"
airflow connections import --overwrite "$connections"
airflow pools set gpu 1 "One task at a time trains or scores"
# Scoring and the web page may otherwise both be first to make MLflow's database.
case "$MLFLOW_TRACKING_URI" in
  sqlite:///*)
    mkdir -p "$(dirname "${MLFLOW_TRACKING_URI#sqlite:///}")"
    mlflow db upgrade "$MLFLOW_TRACKING_URI"
    ;;
esac
