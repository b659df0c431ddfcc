#!/usr/bin/env bash
# MLflow behind a login, as docker-compose.yaml runs it: everyone who has one reads all, and changes
# what is their own. Its variables MLFLOW_… say the rest.
set -euo pipefail

: "${MLFLOW_BACKEND_STORE_URI:?set it to the URI of a database}"
umask 077
config="$(mktemp --suffix=.ini)"
cat >"$config" <<INI
[mlflow]
default_permission = READ
database_uri = $MLFLOW_BACKEND_STORE_URI
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
INI
export MLFLOW_AUTH_CONFIG_PATH="$config"
umask 022

mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"
python -m mlflow.server.auth db upgrade --url "$MLFLOW_BACKEND_STORE_URI"
exec mlflow server --app-name basic-auth --workers 1
