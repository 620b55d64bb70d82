"""Asks Airflow who may see and change a pipeline's models: whoever may read its DAG, and whoever may edit it."""

from collections.abc import Callable

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import HTTPException, Request


class Access:
    """The permissions on a pipeline's models. Airflow's auth manager has them; an app of a plugin has to ask for it.

    Args:
        pipeline: Returns the pipeline's name, which is its DAG's id.
    """

    def __init__(self, pipeline: Callable[[], str]) -> None:
        self._pipeline = pipeline

    def to_see(self, request: Request, user: GetUserDep) -> None:
        """Let a request pass whose user may read the DAG (a dependency of FastAPI).

        Raises:
            HTTPException: 401 without a login, 403 without the permission.
        """
        requires_access_dag("GET", param_dag_id=self._pipeline())(request, user)

    def may_see(self, request: Request, user: GetUserDep) -> bool:
        """Return whether a user may read the DAG."""
        try:
            self.to_see(request, user)
        except HTTPException:
            return False
        return True

    def to_see_reports(self, request: Request, user: GetUserDep) -> None:
        """Let a request pass whose user may see the DAG's tasks, and so their reports (a dependency of FastAPI).

        Raises:
            HTTPException: 401 without a login, 403 without the permission.
        """
        requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE, self._pipeline())(request, user)

    def may_see_reports(self, request: Request, user: GetUserDep) -> bool:
        """Return whether a user may see the reports of the DAG's tasks (a dependency of FastAPI)."""
        try:
            self.to_see_reports(request, user)
        except HTTPException:
            return False
        return True

    def to_change(self, request: Request, user: GetUserDep) -> None:
        """Let a request pass whose user may edit the DAG (a dependency of FastAPI).

        Raises:
            HTTPException: 401 without a login, 403 without the permission.
        """
        requires_access_dag("PUT", param_dag_id=self._pipeline())(request, user)

    def may_change(self, request: Request, user: GetUserDep) -> bool:
        """Return whether a user may edit the DAG (a dependency of FastAPI)."""
        try:
            self.to_change(request, user)
        except HTTPException:
            return False
        return True
