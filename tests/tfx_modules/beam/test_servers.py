"""Nobody but the node's user reaches what Beam opens, whatever way it runs."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam
import grpc
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_artifact_api_pb2 as artifact_api
from apache_beam.portability.api import beam_artifact_api_pb2_grpc as artifact_grpc
from apache_beam.portability.api import beam_runner_api_pb2 as runner_api
from apache_beam.runners.portability.abstract_job_service import UberJarBeamJob
from apache_beam.runners.portability.fn_api_runner.worker_handlers import WorkerHandler
from google.protobuf.struct_pb2 import Struct

from tests.support.listening import listening, open_to_others, process_tree
from tests.tfx_modules.node.conftest import wait_until
from tfx_modules.beam.artifacts import PipelineArtifacts
from tfx_modules.beam.runner import pipeline_of
from tfx_modules.beam.servers import close_beam
from tfx_modules.beam.sockets import SocketFolder
from tfx_modules.exceptions import BeamServerError

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 120.0

# A pipeline whose workers wait, so that what listens meanwhile can be seen.
SCRIPT = """
import os, sys, time
import apache_beam as beam
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.runner import local_pipeline, pipeline_of

arguments, folder = sys.argv[2:], sys.argv[1]

class Wait(beam.DoFn):
    def process(self, number):
        import os, time
        open(f"{folder}/working-{number}", "w").close()
        while not os.path.exists(f"{folder}/go"):
            time.sleep(0.05)
        yield number

    def __init__(self):
        self.folder = folder

    def setup(self):
        global folder
        folder = self.folder

with Forker() as forker:
    with pipeline_of(arguments) if arguments else local_pipeline(2, forker) as pipeline:
        total = pipeline | beam.Create(range(4)) | beam.Reshuffle() | beam.ParDo(Wait()) | beam.CombineGlobally(sum)
        total | beam.Map(lambda total: os.write(1, b"total %d" % total))
"""


def start(folder: Path, *command: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", *command],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"TMPDIR": str(folder)},
        start_new_session=True,
    )


@contextmanager
def working(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A pipeline that is at work; afterwards it has ended well."""
    with start(folder, "-c", SCRIPT, str(folder), *arguments) as process:
        try:
            wait_until(lambda: list(folder.glob("working-*")) or process.poll() is not None, START_SECONDS)
            if process.poll() is None:
                yield process
            (folder / "go").touch()
            output, errors = process.communicate(timeout=START_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, output) == (0, "total 6"), errors


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("b")  # the path of a socket is 107 bytes at most


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--direct_running_mode=multi_threading", "--direct_num_workers=2"),
        ("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    ],
    ids=["forked", "threads", "processes"],
)
def test_a_running_pipeline_is_reachable_by_its_user_alone(short: Path, arguments: tuple[str, ...]) -> None:
    with working(short, *arguments) as process:
        found = listening(process_tree(process.pid))
        assert {Path(each.address).name for each in found} == {"control", "data", "state"}
        assert {each.kind for each in found} == {"unix"}
        assert open_to_others(process_tree(process.pid)) == []
        (folder,) = short.glob("bert-beam-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert asked_for_a_file(f"unix:{folder}/control", short) is grpc.StatusCode.UNIMPLEMENTED
    assert list(short.glob("bert-beam-*")) == []


def asked_for_a_file(address: str, folder: Path) -> grpc.StatusCode:
    """What a server says to somebody who asks for any file of the user's."""
    secret = folder / "secret"
    secret.write_text("sesame")
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as raised:
        list(artifact_grpc.ArtifactRetrievalServiceStub(channel).GetArtifact(request_for(secret), timeout=10))
    return raised.value.code()


def request_for(path: Path) -> artifact_api.GetArtifactRequest:
    return artifact_api.GetArtifactRequest(artifact=file_artifact(path))


def file_artifact(path: Path) -> runner_api.ArtifactInformation:
    payload = runner_api.ArtifactFilePayload(path=str(path)).SerializeToString()
    return runner_api.ArtifactInformation(type_urn=common_urns.artifact_types.FILE.urn, type_payload=payload)


def test_the_job_service_and_the_pool_that_it_calls_back_are_for_their_user_alone(short: Path) -> None:
    path = short / "jobs" / "socket"
    with start(short, "-m", "tfx_modules.beam.job_service", "--socket", str(path)) as service:
        try:
            wait_until(path.is_socket, START_SECONDS)
            arguments = ("--runner=PortableRunner", f"--job_endpoint=unix:{path}", "--environment_type=LOOPBACK")
            with working(short, *arguments) as process:
                seen = [*process_tree(process.pid), *process_tree(service.pid)]
                names = {Path(each.address).name for each in listening(seen)}
                assert names == {"socket", "pool", "control", "data", "state"}
                assert open_to_others(seen) == []
                assert {each.kind for each in listening(seen)} == {"unix"}
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0, service.communicate()
    assert not path.exists()


def test_the_pool_for_a_clusters_machines_is_on_loopback(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with start(short, "-m", "tfx_modules.beam.worker_pool", "--port", str(port)) as process:
        try:
            wait_until(lambda: listening([process.pid]), START_SECONDS)
            (found,) = listening([process.pid])
            assert (found.address, found.on_loopback) == (f"127.0.0.1:{port}", True)
        finally:
            process.kill()


def test_a_pool_elsewhere_is_refused_by_a_local_runner() -> None:
    arguments = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL"]
    with pytest.raises(RuntimeError), pipeline_of([*arguments, "--environment_config=example.com:50000"]) as pipeline:
        pipeline | apache_beam.Create([1]) | apache_beam.Map(print)


def test_workers_in_docker_are_refused_by_a_local_runner() -> None:
    close_beam()
    docker = runner_api.Environment(urn=common_urns.environments.DOCKER.urn)
    with pytest.raises(BeamServerError, match=r"workers in Docker.*; allowed: workers of this machine\. Leave"):
        WorkerHandler.create(docker, None, None, None)


def test_an_uber_jar_is_refused(tmp_path: Path) -> None:
    close_beam()
    jar = tmp_path / "runner.jar"
    jar.touch()
    job = UberJarBeamJob(str(jar), "job-1", "job", runner_api.Pipeline(), Struct())
    with pytest.raises(BeamServerError, match=r"an uber jar.*; allowed: a job server\. Leave --flink_submit_uber_jar"):
        job.prepare()


def test_a_job_service_gets_the_artifacts_of_the_pipeline_and_no_other_file(tmp_path: Path) -> None:
    known, secret = tmp_path / "known", tmp_path / "secret"
    known.write_bytes(b"known")
    secret.write_bytes(b"sesame")
    pipeline = runner_api.Pipeline()
    pipeline.components.environments["one"].dependencies.append(file_artifact(known))
    served = PipelineArtifacts(pipeline)
    assert b"".join(part.data for part in served.GetArtifact(request_for(known))) == b"known"
    with pytest.raises(BeamServerError, match=r"secret.*no artifact of the pipeline; allowed: those that"):
        list(served.GetArtifact(request_for(secret)))


def test_all_places_where_beam_opens_a_server_are_known() -> None:
    root = Path(apache_beam.__file__).parent
    calls = {
        str(path.relative_to(root)): text.count(".add_insecure_port(") + text.count(".add_secure_port(")
        for path in root.rglob("*.py")
        if not path.name.endswith("_test.py") and "_port(" in (text := path.read_text(encoding="utf-8"))
    }
    assert {name: count for name, count in calls.items() if count} == {
        "runners/portability/fn_api_runner/worker_handlers.py": 4,  # PrivateGrpcServer
        "runners/portability/local_job_service.py": 2,  # JobService, ProcessWorkerHandler
        "runners/portability/abstract_job_service.py": 1,  # refused
        "runners/portability/expansion_service_main.py": 1,  # a command that nothing here starts
        "runners/worker/worker_pool_main.py": 1,  # worker_pool.start
        "testing/test_stream_service.py": 2,  # of notebooks, on localhost
    }


def test_the_folder_of_a_process_that_was_killed_is_removed_and_that_of_a_living_one_is_not(short: Path) -> None:
    code = "import time; from tfx_modules.beam.sockets import SocketFolder as F; f = F(); print('made', flush=True); "
    with start(short, "-c", code + "time.sleep(600)") as killed, start(short, "-c", code + "time.sleep(600)") as living:
        assert killed.stdout is not None
        assert living.stdout is not None
        assert (killed.stdout.readline(), living.stdout.readline()) == ("made\n", "made\n")
        killed.kill()
        killed.wait()
        before = set(short.glob("bert-beam-*"))
        with start(short, "-c", code) as later:
            later.wait(30)
        left = set(short.glob("bert-beam-*"))
        living.kill()
    assert len(before) == 2
    assert len(left & before) == 1


def test_a_temporary_folder_with_a_long_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    folder = SocketFolder()
    with pytest.raises(BeamServerError, match=r"bytes; allowed: 107\. Set TMPDIR to a folder with a shorter path"):
        folder.address("control")
    folder.remove()
    assert list(deep.iterdir()) == []
