"""Who is not logged in sees nothing of the board. No auth manager has to be asked for that."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from plugins.lis_plugin.board.app import board_app

APP = board_app()
PATHS = [
    "/board",
    "/board/feed",
    "/run?dag_id=lis_daily__feed&run_id=r",
    "/reports/feed/2026-01-31_dcn-1.html",
    "/api/scenarios",
    "/api/scenarios/feed",
    "/static/board.css",
    "/static/other",
]


@pytest.mark.parametrize("path", PATHS)
def test_an_anonymous_request_is_refused(path: str) -> None:
    response = TestClient(APP).get(path)
    assert response.status_code == 401
    assert "Not authenticated" in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "private, no-store"


def test_every_address_is_among_those_that_were_asked() -> None:
    routes = [one for one in APP.routes if isinstance(one, APIRoute)]
    for route in routes:
        assert any(route.path_regex.match(path.split("?")[0]) for path in PATHS), route.path
    assert all(one.methods == {"GET"} for one in routes)
    assert len(APP.routes) == len(routes)
