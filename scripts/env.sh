# The local settings of Airflow, MLflow and the jobs. Source it; what is already set is kept.
# Every path follows from where this file lies.

LIS_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export LIS_ROOT
export PATH="$LIS_ROOT/.venv/bin:$PATH"
case ":${PYTHONPATH:-}:" in
  *":$LIS_ROOT:"*) ;;
  *) export PYTHONPATH="$LIS_ROOT${PYTHONPATH:+:$PYTHONPATH}" ;;
esac

export LIS_DATA="${LIS_DATA:-$LIS_ROOT/data}"
export LIS_LAKE="${LIS_LAKE:-$LIS_DATA/lake}"
export LIS_RAW="${LIS_RAW:-$LIS_DATA/raw}"
export LIS_SPARK_MASTER="${LIS_SPARK_MASTER:-local[*]}"
export LIS_SPARK_MEMORY="${LIS_SPARK_MEMORY:-4g}"
export LIS_AIRFLOW_PORT="${LIS_AIRFLOW_PORT:-8080}"
export LIS_MLFLOW_PORT="${LIS_MLFLOW_PORT:-5000}"

export MLFLOW_TRACKING_URI="${MLFLOW_TRACKING_URI:-sqlite:///$LIS_DATA/mlflow/mlflow.db}"

export AIRFLOW_HOME="${AIRFLOW_HOME:-$LIS_DATA/airflow}"
export AIRFLOW__CORE__DAGS_FOLDER="${AIRFLOW__CORE__DAGS_FOLDER:-$LIS_ROOT/dags}"
export AIRFLOW__CORE__PLUGINS_FOLDER="${AIRFLOW__CORE__PLUGINS_FOLDER:-$LIS_ROOT/plugins}"
export AIRFLOW__CORE__LOAD_EXAMPLES="${AIRFLOW__CORE__LOAD_EXAMPLES:-False}"
export AIRFLOW__CORE__EXECUTOR="${AIRFLOW__CORE__EXECUTOR:-LocalExecutor}"
# The local executor forks this many workers at once; the default is 32.
export AIRFLOW__CORE__PARALLELISM="${AIRFLOW__CORE__PARALLELISM:-4}"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="${AIRFLOW__CORE__EXECUTION_API_SERVER_URL:-http://127.0.0.1:$LIS_AIRFLOW_PORT/execution/}"
# Whoever reaches the loopback address is the user of this machine. plugins/lis_plugin/host_check.py
# answers no other machine while this is so.
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS:-True}"
export AIRFLOW__API__HOST="${AIRFLOW__API__HOST:-127.0.0.1}"
export AIRFLOW__API__PORT="${AIRFLOW__API__PORT:-$LIS_AIRFLOW_PORT}"
export AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST="${AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST:-127.0.0.1}"
export AIRFLOW__API__WORKERS="${AIRFLOW__API__WORKERS:-1}"
export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="${AIRFLOW__DATABASE__SQL_ALCHEMY_CONN:-sqlite:///$AIRFLOW_HOME/airflow.db}"
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="${AIRFLOW__USAGE_DATA_COLLECTION__ENABLED:-False}"
# MLflow's default takes any name that begins as a private address does, such as 10.example.com.
export MLFLOW_SERVER_ALLOWED_HOSTS="${MLFLOW_SERVER_ALLOWED_HOSTS:-localhost,localhost:*,127.0.0.1,127.0.0.1:*}"
# Jobs evaluate language models. Their eight processes hold 1.7 GB, whether there are any or not.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION="${MLFLOW_SERVER_ENABLE_JOB_EXECUTION:-false}"
export MLFLOW_DISABLE_TELEMETRY="${MLFLOW_DISABLE_TELEMETRY:-true}"
