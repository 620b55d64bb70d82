"""What the command is told of the project in Google Cloud, and of the run."""

import argparse
import datetime as dt

import pytest

from tests.tfx_modules.vertex.conftest import WITH_GPU, parsed
from tfx_modules.exceptions import SettingsError
from tfx_modules.vertex.options import Machine, Share, place_of, run_of, seconds

NOW = dt.datetime(2026, 11, 6, 7, 8, 9, tzinfo=dt.UTC)


def test_nodes_get_machines_and_find_state_folder_and_ledger() -> None:
    place = place_of(parsed(*WITH_GPU, "--env", "A=b=c", "--default-machine", "e2-standard-4"))
    assert (place.root, place.share) == ("gs://bert/artifacts", Share("10.0.0.2", "/bert"))
    assert place.machine == Machine("e2-standard-4")
    assert place.machines == {
        "Trainer": Machine("n1-standard-8", "NVIDIA_TESLA_T4", 1),
        "Tuner": Machine("n1-highmem-4"),
    }
    assert place.containers.mount_path == "/mnt/nfs/bert-state"
    assert place.containers.environment == {
        "A": "b=c",
        "BERT_SERVICE_LEDGER": "postgresql://bert@10.0.0.3/bert",
        "PGPASSFILE": "/mnt/nfs/bert-state/pgpass",
    }


def test_a_run_has_the_parameters_that_are_given_and_an_id_of_its_own() -> None:
    run = run_of(parsed(), "bert-sentiment", NOW)
    assert (run.job_id, run.parameters, run.caches) == ("bert-sentiment-20261106070809", {}, True)
    flags = parsed("--date", "2026-11-05", "--tune", "--train-steps", "20", "--promote-older", "--no-cache")
    run = run_of(flags, "bert-sentiment", NOW)
    assert run.parameters == {"data_date": "2026-11-05", "tune": True, "train_steps": 20, "promote_older": True}
    assert not run.caches
    assert run_of(parsed("--job-id", "november"), "bert-sentiment", NOW).job_id == "november"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--project", "My Project", "is no project here; allowed: a project's id"),
        ("--location", "europe", "is no location here; allowed: a region, like europe-west4"),
        ("--pipeline-root", "s3://bert/artifacts", "is no root here; allowed: gs://BUCKET or gs://BUCKET/FOLDER"),
        ("--pipeline-root", "gs://", "is no root here"),
        ("--network", "default", "with the project's number"),
        ("--service-account", "bert", "is no service account here"),
        ("--nfs", "gs://bert/state", "is in Cloud Storage, where the state folder cannot be: it has no locks"),
        ("--nfs", "/gcs/bert/state", "is in Cloud Storage, where the state folder cannot be"),
        ("--nfs", "filestore:/bert", "is no NFS share; allowed: ADDRESS:/PATH with a private IP address"),
        ("--ledger", "sqlite:////state/ledger.db", "SQLite locks its file on one machine only"),
        ("--ledger", "postgresql://bert:S3CRET@10.0.0.3/bert", "the password in the share's file pgpass"),
        ("--ledger", "postgresql://bert@10.0.0.3/bert?password=S3CRET", "the password in the share's file pgpass"),
        ("--ledger", "postgresql://bert@10.0.0.3", "the address is none of PostgreSQL"),
        ("--machine", "Trainer", "is no node with a machine; allowed: NODE:TYPE[,GPU=COUNT]"),
        ("--machine", "Trainer:n1-standard-8,NVIDIA_TESLA_T4=0", "is no node with a machine"),
        ("--default-machine", "big", "is no machine type here; allowed: a machine type of Compute Engine"),
        ("--env", "PGPASSFILE=/x", "is set by --ledger"),
        ("--env", "BERT_SERVICE_STATE=/x", "is set by --nfs"),
        ("--label", "Team=a", "is no label; allowed: KEY=VALUE"),
        ("--job-id", "5", "is no job id here; allowed: up to 127 of a-z, 0-9 and -"),
        ("--date", "5 November", "is no day; allowed: one like 2026-11-05"),
        ("--train-steps", "0", "is no number of batches; allowed: a whole number from 1"),
        ("--api-endpoint", "https://x", "is no API endpoint here; allowed: HOST or HOST:PORT"),
    ],
)
def test_a_wrong_option_is_refused(option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(option, value)
    error = capsys.readouterr().err
    assert told in error
    assert "S3CRET" not in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--machine", "Trainer:a-1", "--machine", "Trainer:a-2"), "names trainer twice"),
        (("--machine", "Trainer:a-1", "--machine", "trainer:a-2"), "names trainer twice"),
        (("--machine", "DataGate:a-1", "--machine", "data-gate:a-2"), "names data-gate twice"),
        (("--machine", "Trainer:a-1,NVIDIA_L4=1"), "gives Trainer a GPU, and there is no --gpu-image"),
        (("--gpu-image", "worker-gpu:1"), "--gpu-image is given, and no node has a GPU"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        place_of(parsed(*arguments))


@pytest.mark.parametrize("text", ["0", "-1", "soon", "3601", "nan"])
def test_a_job_is_looked_at_every_so_many_seconds(text: str) -> None:
    assert seconds("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="is no number of seconds between looks"):
        seconds(text)
