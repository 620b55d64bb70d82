"""What runs Beam's workers in a container of a node opens nothing to the container's network."""

import time
from pathlib import Path

import pytest

from tests.support.docker_engine import IMAGE, host_mounts, running_engine
from tests.support.listening import listening, open_to_others, process_tree

ROOT = Path(__file__).parents[3]
TFX_PYTHON = ROOT / ".venv" / "tfx" / "bin" / "python"
START_SECONDS = 120.0

WORKING = """
import time
import apache_beam as beam
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.runner import local_pipeline

with Forker() as forker, local_pipeline(2, forker) as pipeline:
    pipeline | beam.Create(range(4)) | beam.Reshuffle() | beam.Map(lambda _: time.sleep(600))
"""


def test_beams_workers_in_a_container_are_reachable_by_their_user_alone() -> None:
    if not TFX_PYTHON.exists():
        pytest.skip("no TFX environment; run `make setup`")
    base = TFX_PYTHON.resolve().parents[1]
    folders = (ROOT, (ROOT / ".venv" / "tfx").resolve(), *([] if base.is_relative_to("/usr") else [base]))
    with running_engine() as engine:
        client = engine.client
        mounts = [f"{mount.source}:{mount.target}:ro" for mount in host_mounts(*folders)]
        host = client.create_host_config(network_mode="none", binds=mounts, init=True)
        command = [str(TFX_PYTHON), "-W", "ignore", "-c", WORKING]
        container = client.create_container(IMAGE, command, host_config=host, working_dir=str(ROOT))["Id"]
        client.start(container)
        top = client.inspect_container(container)["State"]["Pid"]

        deadline = time.monotonic() + START_SECONDS
        while len(process_tree(top)) < 5 or len(listening(process_tree(top))) < 3:  # init, node, forker, workers
            said = client.logs(container).decode(errors="replace")
            assert client.inspect_container(container)["State"]["Running"], said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)

        tree = process_tree(top)
        assert {Path(each.address).name for each in listening(tree)} == {"control", "data", "state"}
        assert open_to_others(tree) == []
