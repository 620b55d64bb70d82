"""The conf of a run has known keys only, and the error names the nearest one."""

import math
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow_bert_service.exceptions import RunConfError
from airflow_bert_service.runs.conf import check_conf, parameters_of
from hypothesis import given
from hypothesis import strategies as st

KNOWN = ["data_date", "mode", "train_steps"]


@pytest.mark.parametrize("conf", [None, {}, {"mode": "full"}, {"data_date": None, "train_steps": 0, "mode": "full"}])
def test_known_keys_pass(conf: dict[str, object] | None) -> None:
    check_conf(conf, KNOWN)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("data_day", "data_date"),
        ("Train_steps", "train_steps"),
        ("train-steps", "train_steps"),
        ("trainSteps", "train_steps"),
        ("date", "data_date"),
        (" mode", "mode"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key: str, nearest: str) -> None:
    with pytest.raises(RunConfError) as raised:
        check_conf({key: 1, "mode": "full"}, KNOWN)
    assert str(raised.value) == (
        f"the run's conf has {key!r}, which is no parameter (did you mean {nearest}?); allowed: data_date, mode, "
        "train_steps. Trigger the run anew with these names."
    )


def test_keys_that_are_like_none_and_many_of_them() -> None:
    with pytest.raises(RunConfError, match=r"has '§', which is no parameter; allowed: data_date, mode, train_steps"):
        check_conf({"§": 1}, KNOWN)
    with pytest.raises(RunConfError, match=r"which is no parameter, \.\.\.; allowed: ") as raised:
        check_conf(dict.fromkeys((f"{n}" * 10_000 for n in range(10)), 1), KNOWN)
    assert len(str(raised.value)) < 600
    with pytest.raises(RunConfError, match="allowed: nothing"):
        check_conf({"mode": 1}, [])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_airflow_would_take_it(number: float) -> None:
    with pytest.raises(RunConfError, match=rf"train_steps: {number}; allowed: a number. Trigger the run anew"):
        check_conf({"train_steps": number}, KNOWN)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text(), max_size=8))
def test_a_conf_passes_if_and_only_if_its_keys_are_known(conf: dict[str, Any]) -> None:
    try:
        check_conf(conf, KNOWN)
    except RunConfError:
        assert not set(conf) <= set(KNOWN)
    else:
        assert set(conf) <= set(KNOWN)


def test_parameters_are_those_of_the_dag_and_of_its_tasks() -> None:
    with DAG("made_up", params={"mode": "full"}) as dag:
        EmptyOperator(task_id="theirs", params={"depth": 2})
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert parameters_of(dag) == parameters_of(kept) == ["mode", "depth"]
