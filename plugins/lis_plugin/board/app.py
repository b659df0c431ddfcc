"""The pages and the API of the LIS board. Every address refuses who is not logged in."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dagrun import DagRun
from fastapi import Depends, FastAPI, HTTPException, Query, Request, status
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from jobs.common.errors import InputError, first_line
from plugins.lis_plugin.board.access import (
    ALIGNMENT,
    DAILY,
    ReadableDag,
    ReadableDags,
    readable_dag,
)

log = logging.getLogger(__name__)

URL_PREFIX = "/lis"
_HERE = Path(__file__).parent
_STATIC = {
    "board.css": "text/css",
    "board.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_OWN = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_REPORT = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""A report is a page of its own, with its style inside, and without a script."""
_HEADERS = {
    "Content-Security-Policy": _OWN,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_VIEWS = "plugins.lis_plugin.board.views"

Mode = Annotated[str | None, Query(pattern="^(swap|probe|retrain)$")]
Days = Annotated[int, Query(ge=1, le=731)]


@asynccontextmanager
async def _warmed_up(_app: FastAPI) -> AsyncIterator[None]:
    # Arrow takes a second to load: not when the server starts, and not when the first user waits.
    Thread(target=import_module, args=(_VIEWS,), daemon=True).start()
    yield


def board_app() -> FastAPI:
    """Return the application that Airflow's web server mounts at ``URL_PREFIX``."""
    app = FastAPI(
        title="LIS board", lifespan=_warmed_up, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.middleware("http")(_with_headers)
    app.exception_handler(StarletteHTTPException)(_refused)
    app.exception_handler(InputError)(_unreadable)
    app.get("/board", response_class=HTMLResponse)(_overview_page)
    app.get("/board/{scenario}", response_class=HTMLResponse)(_detail_page)
    app.get("/run", response_class=HTMLResponse)(_run_page)
    app.get("/reports/{scenario}/{name}", response_class=FileResponse)(_report)
    app.get("/api/scenarios")(_api_overview)
    app.get("/api/scenarios/{scenario}")(_api_detail)
    app.get("/static/{name}", response_class=FileResponse)(_static_file)
    return app


async def _with_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _page(request: Request, template: str, code: int = 200, **context: object) -> HTMLResponse:
    # The path of this application, with the prefix under which Airflow is served.
    base = request.scope.get("root_path", "")
    return HTMLResponse(_TEMPLATES.get_template(template).render(base=base, **context), code)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(f"{request.scope.get('root_path', '')}/api/")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if _is_api(request):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    return _page(request, "message.html.j2", error.status_code, message=error.detail)


async def _unreadable(request: Request, error: Exception) -> Response:
    log.warning("the board cannot be shown: %s", first_line(error))
    refusal = HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, first_line(error))
    return await _refused(request, refusal)


def _overview_page(
    request: Request, dags: ReadableDags, session: SessionDep, mode: Mode = None
) -> Response:
    from jobs.reporting import wording
    from plugins.lis_plugin.board.heat_map import MODES
    from plugins.lis_plugin.board.views import overview

    found = [overview(session, name, dag, mode) for name, dag in dags.items()]
    scored = {one for scenario in found for one in scenario.modes}
    shown = {scenario.mode for scenario in found if scenario.modes}
    return _page(
        request,
        "overview.html.j2",
        words=wording,
        scenarios=found,
        modes=[one for one in MODES if one in scored],
        mode=mode or (shown.pop() if len(shown) == 1 else None),
    )


def _detail_page(
    request: Request,
    scenario: str,
    dag: ReadableDag,
    session: SessionDep,
    mode: Mode = None,
    days: Days = 90,
) -> Response:
    from jobs.reporting import wording
    from plugins.lis_plugin.board import trend, words
    from plugins.lis_plugin.board.heat_map import mark_of
    from plugins.lis_plugin.board.views import WINDOWS, detail

    found = detail(session, scenario, dag, mode, days)
    return _page(
        request,
        "scenario.html.j2",
        words=wording,
        detail=found,
        one=found.overview,
        windows=WINDOWS,
        panels=trend.panels(found.trends, found.rankers, found.overview.threshold),
        picture=trend,
        figure=words,
        mark_of=mark_of,
    )


def _run_page(
    request: Request,
    dag_id: str,
    run_id: str,
    user: GetUserDep,
    session: SessionDep,
    _: Annotated[None, Depends(requires_access_dag("GET", DagAccessEntity.RUN))],
    mode: Mode = None,
) -> Response:
    from jobs.reporting import wording
    from plugins.lis_plugin.board.views import of_run

    prefix = next((one for one in (DAILY, ALIGNMENT) if dag_id.startswith(one)), None)
    if prefix is None:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND, f"{dag_id} is no DAG of a scenario: it scores nothing."
        )
    scenario = dag_id.removeprefix(prefix)
    dag = readable_dag(scenario, user, session)
    run = session.scalars(
        select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    ).first()
    if run is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such run.")
    found = of_run(session, scenario, dag, run, mode)
    return _page(request, "run.html.j2", words=wording, view=found, one=found.overview)


def _report(scenario: str, name: str, _: ReadableDag) -> Response:
    from plugins.lis_plugin.board.report_files import report_path

    path = report_path(scenario, name)
    if path is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such report on this server.")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": _REPORT})


def _api_overview(dags: ReadableDags, session: SessionDep, mode: Mode = None) -> Any:
    from plugins.lis_plugin.board.documents import overview_document
    from plugins.lis_plugin.board.views import overview

    return [overview_document(overview(session, name, dag, mode)) for name, dag in dags.items()]


def _api_detail(
    scenario: str, dag: ReadableDag, session: SessionDep, mode: Mode = None, days: Days = 90
) -> Any:
    from plugins.lis_plugin.board.documents import detail_document
    from plugins.lis_plugin.board.views import detail

    return detail_document(detail(session, scenario, dag, mode, days))


def _static_file(name: str, _: GetUserDep) -> Response:
    if name not in _STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file.")
    return FileResponse(
        _HERE / "static" / name,
        media_type=_STATIC[name],
        headers={"Cache-Control": "private, max-age=300"},
    )
