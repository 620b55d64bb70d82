"""A run in Airflow's database, whose changes are not kept; the module's fixtures ``run_id`` and ``left`` make it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.utils.session import create_session
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tests.plugins.runs.run_texts import RunTexts


@pytest.fixture
def session() -> Iterator[Session]:
    """A session in which nothing is kept."""
    with create_session() as made:
        yield made
        made.rollback()


@pytest.fixture
def texts(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunTexts:
    """What the run's tasks have left, to be changed by the test."""
    shutil.copytree(left, tmp_path / "state")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    return RunTexts(tmp_path / "state" / "annotations")


@pytest.fixture
def run(session: Session, run_id: str, texts: RunTexts) -> DagRun:  # noqa: ARG001 (the listener reads them)
    """The run, with no note."""
    session.execute(delete(DagRunNote))
    found: DagRun | None = session.scalar(select(DagRun).where(DagRun.run_id == run_id))
    assert found is not None
    return found
