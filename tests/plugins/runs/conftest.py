"""A run in Airflow's database, whose changes are not kept; the module's fixture ``run_id`` makes it."""

from collections.abc import Iterator

import pytest
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.utils.session import create_session
from sqlalchemy import delete, select
from sqlalchemy.orm import Session


@pytest.fixture
def session() -> Iterator[Session]:
    """A session in which nothing is kept."""
    with create_session() as made:
        yield made
        made.rollback()


@pytest.fixture
def run(session: Session, run_id: str) -> DagRun:
    """The run, with no note."""
    session.execute(delete(DagRunNote))
    found: DagRun | None = session.scalar(select(DagRun).where(DagRun.run_id == run_id))
    assert found is not None
    return found
