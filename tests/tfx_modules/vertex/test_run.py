"""The command that submits, against a stand-in for Vertex AI's API that is told apart by its certificate alone."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from tests.tfx_modules.kubeflow.conftest import ENVIRONMENT
from tests.tfx_modules.vertex.conftest import NEEDED, WITH_GPU
from tests.tfx_modules.vertex.stand_in import PARENT, StandIn, State
from tfx_modules.exceptions import VertexError
from tfx_modules.kubeflow.spec import Document
from tfx_modules.vertex.__main__ import main, submit
from tfx_modules.vertex.options import Place, Run
from tfx_modules.vertex.request import make_request
from tfx_modules.vertex.service import VertexAI

ROOT = Path(__file__).parents[3]
NAME = "projects/12345/locations/europe-west4/pipelineJobs/november"


@pytest.fixture
def request_(compiled: Document, place: Place) -> Document:
    return make_request(compiled, place, Run(job_id="november", parameters={"data_date": "2026-11-05"}))


@pytest.mark.usefixtures("kfp_environment")
def test_the_command_submits_the_pipeline_and_waits_for_its_end(
    stand_in: StandIn, compiled: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("--date", "2026-11-05", "--train-steps", "20", "--job-id", "november", "--wait", "0.05")
    own = ("--label", "team=reviews", "--api-endpoint", stand_in.endpoint, "--kfp", str(ENVIRONMENT))
    assert main([*NEEDED, *WITH_GPU, *run, *own]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"Submitted {NAME}."
    assert told[1].endswith("/locations/europe-west4/pipelines/runs/november?project=my-project")
    assert told[2:] == ["The job is running.", "The job is succeeded."]

    (asked,) = stand_in.requests
    assert (asked.parent, asked.pipeline_job_id) == (PARENT, "november")
    job = asked.pipeline_job
    assert (job.display_name, dict(job.labels)) == ("bert-sentiment", {"team": "reviews"})
    assert job.service_account == "bert@my-project.iam.gserviceaccount.com"
    assert job.network == "projects/12345/global/networks/bert"
    assert job.runtime_config.gcs_output_directory == "gs://bert/artifacts"
    assert dict(job.runtime_config.parameter_values) == {"data_date": "2026-11-05", "train_steps": 20}
    spec = json_format.MessageToDict(type(asked).pb(asked).pipeline_job.pipeline_spec)
    assert set(spec["root"]["dag"]["tasks"]) == set(compiled["root"]["dag"]["tasks"])
    assert set(job.runtime_config.parameter_values) <= set(spec["root"]["inputDefinitions"]["parameters"])


def test_a_job_that_fails_is_told_with_its_tasks(stand_in: StandIn, request_: Document) -> None:
    stand_in.states = (State.PIPELINE_STATE_PENDING, State.PIPELINE_STATE_FAILED)
    api = VertexAI(stand_in.endpoint)
    seen: list[str] = []
    ended = api.wait(api.create(request_), 0.05, seen.append)
    assert (ended.is_good, seen) == (False, ["pending", "failed"])
    assert ended.failures == ("the pipeline failed", "data-gate: blocked: too few rows")


def test_a_second_job_of_the_same_id_is_refused(stand_in: StandIn, request_: Document) -> None:
    api = VertexAI(stand_in.endpoint)
    assert api.create(request_) == NAME
    with pytest.raises(
        VertexError, match=r"answers: 409 there is a job .*/november\. Look at that job, or name another"
    ):
        api.create(request_)
    assert len(stand_in.requests) == 1


def test_a_job_is_waited_for_while_the_api_is_unavailable_for_a_moment(stand_in: StandIn, request_: Document) -> None:
    codes = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]
    stand_in.at_look = lambda context: context.abort(codes.pop(), "busy") if codes else None
    api = VertexAI(stand_in.endpoint)
    assert api.wait(api.create(request_), 0.05, print).is_good
    assert codes == []


def test_an_api_that_stays_unavailable_is_told(stand_in: StandIn, request_: Document) -> None:
    stand_in.at_look = lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
    api = VertexAI(stand_in.endpoint)
    name = api.create(request_)
    with pytest.raises(VertexError, match=r"answers: Timeout of 0\.1s exceeded, last exception: 503 busy"):
        api.wait(name, 0.05, print, patience=0.1)


def test_a_job_whose_state_cannot_be_read_is_not_said_to_be_missing(
    stand_in: StandIn, request_: Document, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.at_look = lambda context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "you may not look")
    assert submit(VertexAI(stand_in.endpoint), request_, place, 0.05) == 1
    told = capsys.readouterr()
    assert told.out.startswith(f"Submitted {NAME}.\n")
    assert told.err.startswith(f"{NAME} was submitted and goes on; its state cannot be read: Vertex AI at ")
    assert "403 you may not look" in told.err


def test_ctrl_c_ends_the_wait_in_a_line_and_the_job_goes_on(
    stand_in: StandIn, request_: Document, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.at_look = lambda _: os.kill(os.getpid(), signal.SIGINT)
    stand_in.states = (State.PIPELINE_STATE_RUNNING,)
    assert submit(VertexAI(stand_in.endpoint), request_, place, 5) == 130
    assert capsys.readouterr().err == f"Interrupted; {NAME} goes on.\n"


def test_ctrl_c_before_that_ends_the_command_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfx_modules.vertex.__main__.require_kfp", lambda _: signal.raise_signal(signal.SIGINT))
    assert main([*NEEDED, "--kfp", str(ENVIRONMENT)]) == 130
    assert capsys.readouterr().err == "Interrupted before Vertex AI had told a job's name.\n"


def test_a_project_of_others_is_told(stand_in: StandIn, request_: Document) -> None:
    request_["parent"] = "projects/another-one/locations/europe-west4"
    with pytest.raises(VertexError, match=r"answers: .*Look at project, region and network"):
        VertexAI(stand_in.endpoint).create(request_)


def test_without_credentials_it_says_where_they_come_from(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    with pytest.raises(VertexError, match=r"knows nobody here: .*gcloud auth application-default login"):
        VertexAI(stand_in.endpoint)


@pytest.mark.usefixtures("kfp_environment")
def test_the_request_can_be_written_for_others_to_submit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "request.json"
    assert main([*NEEDED, "--write", str(file), "--kfp", str(ENVIRONMENT)]) == 0
    assert capsys.readouterr().out == f"Wrote the request into {file}; nothing was submitted.\n"
    written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert written["parent"] == PARENT
    assert re.fullmatch(r"bert-sentiment-\d{14}", written["pipelineJobId"])


def test_few_modules_import_the_clients_of_google_cloud() -> None:
    found = [
        path.relative_to(ROOT / "tfx_modules").as_posix()
        for path in sorted((ROOT / "tfx_modules").rglob("*.py"))
        if re.search(r"^\s*(from|import) google\.(cloud|auth|api_core)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert found == [
        "serving/vertex/storage.py",
        "vertex/endpoint/operations.py",
        "vertex/endpoint/service.py",
        "vertex/endpoint/uploads.py",
        "vertex/errors.py",
        "vertex/service.py",
    ]
