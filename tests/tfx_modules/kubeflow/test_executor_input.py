"""What Kubeflow Pipelines tells a container, as TFX's components read it."""

import json
from typing import Any

import pytest

from tfx_modules.exceptions import NodeError
from tfx_modules.kubeflow.executor_input import ledger_address, local_path, read_executor_input

DECLARED = {"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}}}


def given(model: dict[str, Any]) -> str:
    return json.dumps(
        {
            "inputs": {"parameterValues": {"gate": "{}"}, "artifacts": {"model": {"artifacts": [model]}}},
            "outputs": {
                "outputFile": "/kfp/outputs/output_metadata.json",
                "artifacts": {"blessing": {"artifacts": [{"uri": "s3://bert/run/evaluator/blessing", "metadata": {}}]}},
            },
        }
    )


def test_components_see_folders_in_place_of_addresses() -> None:
    read = read_executor_input(given({"uri": "minio://mlpipeline/v2/model", "name": "17"}), DECLARED)
    (model,) = read.document["inputs"]["artifacts"]["model"]["artifacts"]
    (blessing,) = read.document["outputs"]["artifacts"]["blessing"]["artifacts"]
    assert (model["uri"], blessing["uri"]) == ("/minio/mlpipeline/v2/model", "/s3/bert/run/evaluator/blessing")


def test_what_was_made_is_told_with_the_address_that_was_given() -> None:
    # Kubeflow Pipelines takes an address that a container tells for where the artifact is.
    read = read_executor_input(given({"uri": "s3://bert/model"}), DECLARED)
    made = {"artifacts": {"blessing": {"artifacts": [{"uri": "/s3/bert/run/evaluator/blessing"}]}}}
    told = read.with_addresses(made)
    assert told["artifacts"]["blessing"]["artifacts"][0]["uri"] == "s3://bert/run/evaluator/blessing"
    assert made["artifacts"]["blessing"]["artifacts"][0]["uri"].startswith("/s3/")


def test_the_type_of_an_input_is_the_declared_one() -> None:
    told = {"uri": "s3://bert/model", "type": {"schemaTitle": "system.Artifact"}}
    (model,) = read_executor_input(given(told), DECLARED).document["inputs"]["artifacts"]["model"]["artifacts"]
    assert model["type"] == DECLARED["artifacts"]["model"]["artifactType"]
    assert model["name"] == "s3://bert/model"


def test_an_artifact_that_stands_for_none_is_left_out() -> None:
    told = {"uri": "s3://bert/model", "metadata": {"absent": 1.0}}
    assert read_executor_input(given(told), DECLARED).document["inputs"]["artifacts"]["model"]["artifacts"] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"outputs": 3}'])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(
        NodeError, match=r"the executor input is .*allowed: what Kubeflow Pipelines puts in the place of"
    ):
        read_executor_input(text, DECLARED)


def test_an_address_that_no_folder_stands_for_is_refused() -> None:
    assert local_path("gs://bert/model") == "/gcs/bert/model"
    assert local_path("/kept/model") == "/kept/model"
    with pytest.raises(NodeError, match="an artifact is in hdfs://bert/model; allowed: gs://, s3://, minio://"):
        local_path("hdfs://bert/model")


def test_the_ledger_is_where_a_secret_says_or_on_the_volume() -> None:
    secret = {"BERT_SERVICE_LEDGER": "postgresql://ledger", "BERT_SERVICE_STATE": "/state"}
    assert ledger_address(secret) == "postgresql://ledger"
    assert ledger_address({"BERT_SERVICE_STATE": "/state"}) == "sqlite:////state/ledger/ledger.db"
    with pytest.raises(NodeError, match="there is no ledger; needed: the variable BERT_SERVICE_LEDGER"):
        ledger_address({})
