"""What the compiling command is told of the cluster."""

import argparse

import pytest

from tfx_modules.exceptions import SettingsError
from tfx_modules.kubeflow.options import Cluster, Resources, Secret, add_arguments, cluster_of


def parsed(*arguments: str) -> Cluster:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return cluster_of(parser.parse_args(["--image", "worker:1", "--claim", "bert-state", *arguments]))


def test_what_is_left_out_is_the_cluster_s_own() -> None:
    assert parsed() == Cluster(image="worker:1", claim="bert-state", environment={}, resources={})


def test_nodes_get_resources_and_containers_variables() -> None:
    cluster = parsed(
        *("--resources", "Trainer:cpu=8,memory=32Gi,gpu=1", "--resources", "Tuner:cpu=0.5"),
        *("--env", "AIRFLOW__BERT_SERVICE__FEED=files", "--env", "URL=a=b"),
        *("--ledger-secret", "bert-ledger:address", "--mount-path", "/bert/", "--gpu-image", "worker-gpu:1"),
    )
    assert cluster.resources == {"Trainer": Resources("8", "32Gi", 1), "Tuner": Resources("0.5")}
    assert cluster.environment == {"AIRFLOW__BERT_SERVICE__FEED": "files", "URL": "a=b"}
    assert cluster.ledger == Secret("bert-ledger", "address")
    assert cluster.mount_path == "/bert"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--resources", "Trainer", "is no node with resources; allowed: NODE:KEY=VALUE"),
        ("--resources", "Trainer:memory=32", "memory ends with G, Gi, M or Mi"),
        ("--resources", "Trainer:cores=8", "with the keys cpu, memory, gpu"),
        ("--resources", "Trainer:gpu=0", "is no node with resources"),
        ("--resources", "Trainer:cpu=1,cpu=2", "is no node with resources"),
        ("--claim", "Bert_State", "is no name that a volume can have; allowed: a-z"),
        ("--claim", "bert.state", "is no name that a volume can have"),
        ("--pipeline-root", "/data", "is no object store of Kubeflow Pipelines; allowed: s3://"),
        ("--env", "AIRFLOW__BERT_SERVICE__LEDGER=sqlite:////x", "is set by --ledger-secret, and only a part"),
        ("--env", "BERT_SERVICE_STATE=/x", "is set by --mount-path"),
        ("--mount-path", "state", "is no place for a volume; allowed: an absolute path below /"),
        ("--ledger-secret", "bert-ledger", "is no key of a Secret; allowed: NAME:KEY"),
        ("--env", "1A=b", "is no variable; allowed: NAME=VALUE"),
    ],
)
def test_a_wrong_option_is_refused(option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(option, value)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--resources", "Trainer:cpu=8", "--resources", "Trainer:memory=32G"), "names Trainer twice"),
        (("--resources", "Trainer:gpu=1"), "gives Trainer a GPU, and there is no --gpu-image"),
        (("--gpu-image", "worker-gpu:1"), "--gpu-image is given, and no node has a GPU"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parsed(*arguments)


@pytest.mark.parametrize(("memory", "gigabytes"), [("", 0.0), ("16G", 16.0), ("1Gi", 1.073741824), ("500M", 0.5)])
def test_memory_is_also_told_as_a_number(memory: str, gigabytes: float) -> None:
    assert Resources(memory=memory).gigabytes == pytest.approx(gigabytes)
