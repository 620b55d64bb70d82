"""Runs that bring the data in and train nothing."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow_bert_service.runs.mode import full_only


def of_mode(mode: str) -> Any:
    return {"params": {"mode": mode}}


def test_a_task_of_the_whole_way_runs() -> None:
    full_only(of_mode("full"))


def test_a_task_of_the_whole_way_is_skipped_in_a_run_for_the_data_and_says_so() -> None:
    with pytest.raises(AirflowSkipException, match="parameter mode is data_only: the run trains no model"):
        full_only(of_mode("data_only"))
