"""Who may see which scenarios: those whose daily DAG Airflow lets the user read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, status
from sqlalchemy import select

DAILY, ALIGNMENT = "lis_daily__", "alignment__"
"""What the ids of a scenario's DAGs begin with."""


def readable_dags(user: GetUserDep, session: SessionDep) -> Mapping[str, DagModel]:
    """Return the daily DAGs that the user may read, by the name of their scenario."""
    current = select(DagModel).where(
        DagModel.dag_id.startswith(DAILY, autoescape=True), ~DagModel.is_stale
    )
    dags = {dag.dag_id: dag for dag in session.scalars(current)}
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dags), session=session)
    allowed: set[str] = set()
    for team in {teams.get(dag_id) for dag_id in dags}:
        allowed |= get_auth_manager().filter_authorized_dag_ids(
            dag_ids={dag_id for dag_id in dags if teams.get(dag_id) == team},
            user=user,
            team_name=team,
        )
    return {dag_id.removeprefix(DAILY): dags[dag_id] for dag_id in sorted(allowed)}


def readable_dag(scenario: str, user: GetUserDep, session: SessionDep) -> DagModel:
    """Return the daily DAG of a scenario.

    Raises:
        HTTPException: If the user may not read it, or there is none.
    """
    dag_id = f"{DAILY}{scenario}"
    team = DagModel.get_dag_id_to_team_name_mapping([dag_id], session=session).get(dag_id)
    details = DagDetails(id=dag_id, team_name=team)
    # Before it is looked for: whether it exists is for those to know who may read it.
    if not get_auth_manager().is_authorized_dag(method="GET", details=details, user=user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not read the DAG of this scenario.")
    dag = session.get(DagModel, dag_id)
    if dag is None or dag.is_stale:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no scenario of this name.")
    return dag


ReadableDags = Annotated[Mapping[str, DagModel], Depends(readable_dags)]
ReadableDag = Annotated[DagModel, Depends(readable_dag)]
