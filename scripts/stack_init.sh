#!/usr/bin/env bash
# Tables, users, connection and pool of the services in docker-compose.yaml. Running it again sets the
# passwords to those of the environment, and changes nothing else.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
"$here/airflow_setup.sh"
created="$(airflow users create --username admin --role Admin --firstname LIS --lastname Admin \
  --email admin@localhost --password "$AIRFLOW_ADMIN_PASSWORD")"
echo "$created"
if [[ "$created" = *"already exists"* ]]; then
  airflow users reset-password --username admin --password "$AIRFLOW_ADMIN_PASSWORD"
fi
python "$here/mlflow_user.py"
