"""The board in Airflow's web server: who may see what, and what the pages show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.plugins.board.conftest import DAY, MLFLOW, ODD, ROOT, RUN, Client

pytestmark = pytest.mark.slow

PREFIX = "/team/airflow"
OWN = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'"
OF_RUN = f"/lis/run?dag_id=lis_daily__films&run_id={quote(RUN, safe='')}"
OF_FILMS = [
    "/lis/board/films",
    "/lis/api/scenarios/films",
    OF_RUN,
    f"/lis/reports/films/{DAY}_dcn-1.html",
]
OF_ALL = ["/lis/board", "/lis/api/scenarios", "/lis/static/board.css", "/lis/static/board.js"]


def links(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]+)"', page)


@pytest.mark.parametrize("path", [*OF_FILMS, *OF_ALL])
def test_nobody_sees_anything_without_a_login(client: Client, path: str) -> None:
    anonymous = client()
    assert anonymous.get(path).status_code == 401
    anonymous.headers["Authorization"] = "Bearer not.a.token"
    assert anonymous.get(path).status_code == 403
    del anonymous.headers["Authorization"]
    anonymous.cookies.set("_token", "not.a.token")
    assert anonymous.get(path).status_code in (401, 403)


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("path", [*OF_FILMS, *OF_ALL])
def test_a_user_who_is_logged_in_sees_what_is_theirs(
    client: Client, path: str, cookie: bool
) -> None:
    assert client("alice", cookie=cookie).get(path).status_code == 200


@pytest.mark.parametrize("path", OF_FILMS)
def test_a_user_does_not_see_a_scenario_whose_dag_they_may_not_read(
    client: Client, path: str
) -> None:
    of_ads = path.replace("films", "ads")
    assert client("alice").get(of_ads).status_code == 403
    assert client("bob").get(of_ads).status_code in (200, 404)
    assert client("carol").get(path).status_code == 403
    assert client("alice").get(path.replace("films", "unknown")).status_code == 403


def test_lists_have_the_scenarios_that_a_user_may_read(client: Client) -> None:
    for user, names in (("alice", ["films"]), ("bob", ["ads", "films"]), ("carol", [])):
        found = client(user).get("/lis/api/scenarios").json()
        assert [one["scenario"] for one in found] == names
        page = client(user).get("/lis/board").text
        assert [name for name in ("ads", "films") if f"/board/{name}" in page] == names
    assert "no scenario" in client("carol").get("/lis/board").text


def test_a_scenario_that_is_gone_is_not_shown(client: Client) -> None:
    assert client("dave").get("/lis/api/scenarios").json() == []
    assert client("dave").get("/lis/board/gone").status_code == 404


def test_the_newest_scores_are_shown_with_verdict_and_interval(client: Client) -> None:
    page = client("alice").get("/lis/board").text
    for part in ("Films", "+0.0150", "▲</span> worth aligning", "7 days of leak", f"T {DAY}"):
        assert part in page
    document = client("alice").get("/lis/api/scenarios/films").json()
    newest = {(one["preference"], one["horizon"]): one for one in document["newest"]}
    assert newest["id_embedding", 7]["as_of"] == DAY
    assert newest["id_embedding", 30]["as_of"] == "2026-01-01"
    assert document["freshness"]["reasons"][0].startswith("2026-01-30 is late")
    assert document["freshness"]["last_run"] == {"run_id": RUN, "state": "success"}


def test_changes_trends_reports_and_runs_are_shown(client: Client) -> None:
    page = client("alice").get("/lis/board/films").text
    assert "? inconclusive → <b>▲ worth aligning</b>" in page
    assert page.count("<svg") == 2
    assert "lis ingest --late" in page
    assert f"/lis/reports/films/{DAY}_dcn-1.html" in page
    score = next(link for link in links(page) if "searchFilter" in link)
    assert score.startswith("http://mlflow.test/#/experiments/3/runs?")
    assert "params.as_of%20%3D%20%27" in score


def test_a_run_shows_what_it_has_scored(client: Client) -> None:
    page = client("alice").get(OF_RUN).text
    assert "What this run scores" in page
    assert f"{DAY} (n = 7), 2026-01-01 (n = 30)" in page
    assert MLFLOW in [link.replace("&amp;", "&") for link in links(page)]
    assert "javascript:" not in page
    other = client("bob").get(f"/lis/run?dag_id=other&run_id={quote(RUN, safe='')}")
    assert other.status_code == 404
    assert "no DAG of a scenario" in other.text
    unknown = client("bob").get("/lis/run?dag_id=lis_daily__films&run_id=unknown")
    assert unknown.status_code == 404


def test_what_a_user_has_named_is_text_and_no_html(client: Client) -> None:
    for path in ("/lis/board", "/lis/board/films", OF_RUN):
        page = client("alice").get(path).text
        assert "&lt;img src=x onerror" in page
        assert ODD not in page
        assert "alert(" not in "".join(links(page))


@pytest.mark.parametrize("path", [*OF_FILMS, *OF_ALL, "/lis/board/none", "/lis/static/none"])
def test_every_answer_has_a_policy(client: Client, path: str) -> None:
    answer = client("alice").get(path)
    policy = answer.headers["Content-Security-Policy"]
    if "/reports/" in path:
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
    else:
        assert policy.startswith(OWN)
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_changed(client: Client, method: str) -> None:
    for path in (*OF_FILMS, *OF_ALL):
        assert getattr(client("alice"), method)(path).status_code == 405


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fsecret.html", "%2e%2e/%2e%2e/secret.html", "..%5csecret.html", "latest.html"],
)
def test_no_other_file_is_served(client: Client, name: str) -> None:
    for path in (f"/lis/reports/films/{name}", f"/lis/static/{name}"):
        answer = client("alice").get(path)
        assert "secret" not in answer.text
        assert answer.status_code in (403, 404) or "<title>Airflow" in answer.text


def test_a_bad_query_is_refused(client: Client) -> None:
    for query in ("mode=all", "days=0", "days=1000", "days=x"):
        assert client("alice").get(f"/lis/board/films?{query}").status_code == 422


def test_all_links_keep_the_path_that_airflow_is_served_under(client: Client) -> None:
    under = client("alice", prefix=PREFIX)
    for path in (*OF_ALL[:1], *OF_FILMS[:1], OF_RUN):
        answer = under.get(f"{PREFIX}{path}")
        assert answer.status_code == 200
        own = [link for link in links(answer.text) if not link.startswith(("http", "#"))]
        assert own
        assert all(link.startswith(f"{PREFIX}/lis/") for link in own)
        for link in {link.split("#")[0].replace("&amp;", "&") for link in own}:
            assert under.get(link).status_code == 200, link
    assert client(prefix=PREFIX).get(f"{PREFIX}/lis/board").status_code == 401


def test_airflow_shows_the_page_in_its_menu_and_a_tab_on_a_run(client: Client) -> None:
    from airflow import plugins_manager

    plugins_manager._get_ui_plugins.cache_clear()
    found, _ = plugins_manager._get_ui_plugins()
    assert {(one.get("destination", "nav"), one["url_route"]) for one in found} == {
        ("nav", "lis-board"),
        ("dag_run", "lis"),
    }
    # A path that begins with a slash would leave the prefix.
    assert all(one["href"].startswith("lis/") for one in found)


def test_a_damaged_table_is_one_line(client: Client, data: Path) -> None:
    [path] = (data / "lake/board/scenario=films").rglob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    manifest = path.with_name("_manifest.json")
    kept = manifest.read_text()
    manifest.write_text(kept.replace("films", "filme"))
    try:
        answer = client("alice").get("/lis/board/films")
        assert answer.status_code == 503
        assert "lis rebuild" in answer.text
    finally:
        path.write_bytes(content)
        manifest.write_text(kept)
    assert client("alice").get("/lis/board/films").status_code == 200


def test_the_web_server_starts_without_a_heavy_library() -> None:
    heavy = ("torch", "pyspark", "mlflow", "pyarrow", "matplotlib")
    code = (
        "import sys; from airflow.api_fastapi.app import create_app; app = create_app(); "
        "assert any(getattr(one, 'path', '') == '/lis' for one in app.routes); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple."
        "simple_auth_manager.SimpleAuthManager",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_client_of_airflow_is_what_is_tested(client: Client) -> None:
    found = client("alice")
    assert isinstance(found, TestClient)
    assert found.get("/api/v2/version").json()["version"].startswith("3.")
