"""The plugin that Airflow loads from the plugins folder."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.lis_plugin.links import MlflowRunLink


class LisPlugin(AirflowPlugin):
    """Registers the links with the web server."""

    name = "lis"
    operator_extra_links: list[Any] = [MlflowRunLink()]  # noqa: RUF012  (as Airflow declares it)
