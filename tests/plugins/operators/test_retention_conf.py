"""What a run of retention may be told: the limits of its form, and the keys that it knows."""

import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow_bert_service.operators.retention import RetentionOperator, retention_parameters
from airflow_bert_service.runs.annotations import FAILURE
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.tries import MadeUpTry


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"dry-run": True}, "'dry-run', which is no parameter (did you mean dry_run?); allowed: dry_run, max_rem"),
        ({"max_removed_share": math.nan}, "max_removed_share: nan; allowed: a number"),
    ],
)
def test_a_run_whose_conf_cannot_be_meant_removes_nothing(
    tmp_path: Path, conf: dict[str, object], message: str
) -> None:
    of_try = MadeUpTry()
    task = RetentionOperator(
        task_id="retention",
        settings=settings_from({"state": str(tmp_path), "tfx_python": sys.executable}),
        pipeline="bert_sentiment",
        module_root=MODULE_ROOT,
        is_dry_run="False",
        max_removed_share="",
        is_clock_trusted="False",
    )
    context: Any = {
        "dag": DAG("bert_sentiment_retention", params=retention_parameters()),
        "dag_run": SimpleNamespace(run_type="manual", conf=conf),
        "ti": of_try,
    }
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        task.execute(context)
    assert message in of_try.left[FAILURE]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"max_removed_share": 0}, {"max_removed_share": 1.01}, {"dry_run": "no"}, {"trust_clock": 1}]
)
def test_the_form_refuses_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    form = ParamsDict(retention_parameters())
    with pytest.raises(ParamValidationError, match="Allowed: "):
        form.update(wrong)
