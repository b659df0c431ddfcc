"""The plugin that Airflow loads from the plugins folder."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.lis_plugin.links import MlflowRunLink

# Relative addresses keep the path that Airflow is served under.
_ICON = {"icon": "lis/static/icon.svg"}


class LisPlugin(AirflowPlugin):
    """Registers links and the LIS board with the web server."""

    name = "lis"
    operator_extra_links: list[Any] = [MlflowRunLink()]  # noqa: RUF012  (as Airflow declares it)
    external_views: list[Any] = [  # noqa: RUF012
        {"name": "LIS board", "href": "lis/board", "url_route": "lis-board", **_ICON},
        {
            "name": "LIS",
            "href": "lis/run?dag_id={DAG_ID}&run_id={RUN_ID}",
            "url_route": "lis",
            "destination": "dag_run",
            **_ICON,
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        # The web server alone asks for it. All other services load this file too.
        from plugins.lis_plugin.board.app import URL_PREFIX, board_app

        return [{"name": "LIS board", "app": board_app(), "url_prefix": URL_PREFIX}]
