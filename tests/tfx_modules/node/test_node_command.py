import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.listening import listening, open_to_others, process_tree
from tests.tfx_modules.node.conftest import Nodes, environment, is_alive, wait_until
from tfx_modules.beam.runner import BYTES_PER_WORKER

CSV = "n,word\n1,good\n2,bad\n3,good\n4,bad\n5,good\n6,good\n7,bad\n8,bad\n"


def test_a_node_completes_and_its_outcome_says_where_its_outputs_are(nodes: Nodes) -> None:
    ended = nodes.run("Writer", text="hello ", times="3")

    assert (ended.code, ended.node, ended.state, ended.reason) == (0, "Writer", "complete", "")
    (written,) = ended.outputs["written"]
    assert (written["type"], written["properties"]["text"]) == ("HyperParameters", "hello ")
    assert Path(written["uri"]).is_relative_to(nodes.state / "pipeline" / "Writer")
    assert Path(written["uri"], "text").read_text(encoding="utf-8") == "hello hello hello "


def test_a_node_reads_what_an_earlier_node_of_its_run_wrote(nodes: Nodes) -> None:
    nodes.run("Writer", text="one", run_id="run-1")
    nodes.run("Writer", text="two", run_id="run-2")

    ended = nodes.run("Reader", run_id="run-1")

    assert Path(ended.outputs["model"][0]["uri"], "Format-Serving", "text").read_text(encoding="utf-8") == "one"


def test_the_same_inputs_in_another_run_are_taken_from_the_cache(nodes: Nodes) -> None:
    first = nodes.run("Writer", text="hello", run_id="run-1")

    second = nodes.run("Writer", text="hello", run_id="run-2")

    assert (second.code, second.state, second.outputs) == (0, "cached", first.outputs)
    assert second.execution_id != first.execution_id


def with_flags(nodes: Nodes, *flags: str) -> dict[str, str]:
    """What a request changes to run the same pipeline, with other executor flags in place of the code versions."""
    text = nodes.pipeline.read_text(encoding="utf-8")
    text, count = re.subn(r'(?<="extra_flags": )\["--code_version=[0-9a-f]{64}"\]', json.dumps(flags), text)
    assert count
    path = nodes.state / "other_flags.json"
    path.write_text(text, encoding="utf-8")
    return {"pipeline": str(path)}


@pytest.mark.parametrize(("use_cache", "text"), [(False, "hello"), (True, "other")])
def test_the_cache_holds_for_the_same_inputs(nodes: Nodes, use_cache: bool, text: str) -> None:
    nodes.run("Writer", text="hello", run_id="run-1")

    assert nodes.run("Writer", text=text, run_id="run-2", changes={"use_cache": use_cache}).state == "complete"


def test_the_cache_holds_for_one_code_version(nodes: Nodes) -> None:
    nodes.run("Writer", text="hello", run_id="run-1")

    changes = with_flags(nodes, "--code_version=2")

    assert nodes.run("Writer", text="hello", run_id="run-2", changes=changes).state == "complete"
    assert nodes.run("Writer", text="hello", run_id="run-3", changes=changes).state == "cached"


def test_the_code_version_holds_for_beam_components_too(nodes: Nodes, reviews: Path) -> None:
    runs = [("run-1", "1"), ("run-2", "1"), ("run-3", "2")]

    states = [
        nodes.run(
            "CsvExampleGen", run_id, with_flags(nodes, f"--code_version={version}"), input_base=str(reviews)
        ).state
        for run_id, version in runs
    ]

    assert states == ["complete", "cached", "complete"]


@pytest.mark.parametrize("node", ["Writer", "CsvExampleGen"])
def test_a_node_without_a_code_version_is_refused(nodes: Nodes, node: str) -> None:
    ended = nodes.run(node, changes=with_flags(nodes, "--other=1"), text="hello", input_base="anywhere")

    assert ended.state == "failed"
    assert ended.reason.startswith(f"node {node} has the executor flags ['--other=1']; allowed: flags with --code_ve")


def test_a_node_that_has_succeeded_in_its_run_is_not_run_again(nodes: Nodes) -> None:
    first = nodes.run("Writer", text="hello")

    again = nodes.run("Writer", text="other")

    assert (again.code, again.state, again.execution_id, again.outputs) == (
        0,
        "reused",
        first.execution_id,
        first.outputs,
    )


def test_a_resolver_that_is_run_again_keeps_to_what_it_had_found(nodes: Nodes) -> None:
    nodes.run("Writer", text="old", run_id="run-1")
    first = nodes.run("Latest", run_id="run-2")
    nodes.run("Writer", text="new", run_id="run-2")

    again = nodes.run("Latest", run_id="run-2")

    assert (first.state, again.state) == ("complete", "reused")
    assert first.outputs["written"][0]["properties"]["text"] == "old"
    assert again.outputs == first.outputs


def test_a_resolver_may_find_nothing(nodes: Nodes) -> None:
    ended = nodes.run("Champion")

    assert (ended.code, ended.state, ended.outputs) == (0, "complete", {})


def test_a_failure_is_a_line_in_the_outcome_and_a_traceback_in_the_log(nodes: Nodes, tmp_path: Path) -> None:
    ended = nodes.run("Writer", text=f"fail-unless {tmp_path / 'there'}")

    assert (ended.code, ended.state, ended.outputs) == (1, "failed", {})
    assert ended.reason == "RuntimeError: the file is not there"
    assert any("in Writer" in line for line in ended.log)
    assert ended.log[-1].endswith("ERROR node Writer: failed (RuntimeError: the file is not there)")


def test_our_own_errors_are_told_by_their_message_alone(nodes: Nodes) -> None:
    assert nodes.run("Writer", text="misconfigure it").reason == "it is wrong; allowed: right. Set it."


def test_a_failed_node_that_is_tried_again_completes_in_the_same_execution(nodes: Nodes, tmp_path: Path) -> None:
    failed = nodes.run("Writer", text=f"fail-unless {tmp_path / 'there'}")
    (tmp_path / "there").touch()

    again = nodes.run("Writer", text=f"fail-unless {tmp_path / 'there'}")

    assert (failed.state, again.state, again.reason) == ("failed", "complete", "")
    assert again.execution_id == failed.execution_id


def test_a_node_without_its_inputs_fails(nodes: Nodes) -> None:
    ended = nodes.run("Reader")

    assert (ended.code, ended.state) == (1, "failed")
    assert ended.reason == (
        "Reader needs the outputs of Writer (written), and this run has none: Writer has not run to its end. A task "
        "that somebody marked as a success makes no outputs. Clear the task of Writer in this run, with the tasks "
        "after it."
    )


def test_a_node_without_its_inputs_completes_once_they_are_there(nodes: Nodes) -> None:
    nodes.run("Reader")
    nodes.run("Writer", text="late")

    assert nodes.run("Reader").state == "complete"


def test_a_crash_leaves_no_outcome_and_the_next_try_completes(nodes: Nodes) -> None:
    crashed = nodes.run("Writer", text="crash")
    again = nodes.run("Writer", text="well")

    assert (crashed.code, crashed.outcome) == (-6, None)
    assert again.state == "complete"


def test_a_crash_does_not_leave_the_outcome_of_an_earlier_try(nodes: Nodes, tmp_path: Path) -> None:
    nodes.run("Writer", text=f"fail-unless {tmp_path / 'there'}")

    assert nodes.run("Writer", text="crash").outcome is None


@pytest.mark.parametrize(
    ("node", "parameters", "reason"),
    [
        ("Nope", {}, r"node 'Nope' is not in pipeline tiny; allowed: .*Writer.*"),
        (
            "Writer",
            {"text": "a", "steps": 1},
            r"parameters steps are not in the pipeline; allowed: accuracy, baseline, holdout, input_base",
        ),
        ("Writer", {}, r"node Writer lacks values for parameters text"),
        ("Writer", {"text": "a", "times": "many"}, r"parameter times is 'many'; allowed: a value of type INT"),
        ("Writer", {"text": "a", "times": 1.5}, r"parameter times is 1.5; allowed: a value of type INT"),
        ("Writer", {"text": 5}, r"parameter text is 5; allowed: a value of type STRING"),
    ],
)
def test_what_the_pipeline_does_not_have_is_said_with_what_it_has(
    nodes: Nodes, node: str, parameters: dict[str, Any], reason: str
) -> None:
    ended = nodes.run(node, **parameters)

    assert (ended.code, ended.state, ended.execution_id) == (1, "failed", None)
    assert re.match(reason, ended.reason)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"nodes": [{"pipeline_node": 1}]}', '{"unknown": 1}'])
def test_a_pipeline_that_cannot_be_read_is_named(nodes: Nodes, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "pipeline.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    ended = nodes.run("Writer", changes={"pipeline": str(path)}, text="a")

    assert ended.state == "failed"
    assert ended.reason.startswith(f"pipeline {path} cannot be read")


def test_a_metadata_store_of_another_kind_is_refused(nodes: Nodes) -> None:
    ended = nodes.run("Writer", changes={"metadata": "mysql://host/db"}, text="a")

    assert ended.reason.startswith("request field metadata has the scheme 'mysql'; allowed: sqlite:")


def test_nodes_that_start_at_the_same_time_on_a_new_store_both_complete(nodes: Nodes, tmp_path: Path) -> None:
    messages = [nodes.message("Writer", f"run-{number}", {"text": f"meet {tmp_path}/here"}) for number in (1, 2)]

    clients = [nodes.start(message) for message in messages]
    ended = [nodes.finish(client, message) for client, message in zip(clients, messages, strict=True)]

    assert [each.state for each in ended] == ["complete", "complete"]
    assert len({each.execution_id for each in ended}) == 2


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    folder = tmp_path / "reviews"
    folder.mkdir()
    (folder / "rows.csv").write_text(CSV, encoding="utf-8")
    return folder


def test_the_command_runs_in_a_process_of_its_own(nodes: Nodes, tmp_path: Path) -> None:
    message = nodes.message("Writer", "run-1", {"text": "hello"})
    (tmp_path / "request.json").write_text(json.dumps(message["request"]), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "tfx_modules.node", str(tmp_path / "request.json")],
        cwd=nodes.module_root,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        check=False,
    )

    assert done.returncode == 0, done.stderr
    outcome = json.loads(Path(message["request"]["outcome"]).read_text(encoding="utf-8"))
    assert outcome["state"] == "complete"
    assert f"writing hello 1 times from {nodes.module_root}" in done.stdout
    assert "non-supported Python version" not in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 600


def test_a_request_that_cannot_be_read_ends_the_command_before_anything_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tfx_modules.node", str(tmp_path / "none.json")],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment() | {"PYTHONPATH": str(Path.cwd())},
        check=False,
    )

    assert done.returncode == 1
    assert "none.json cannot be read" in done.stderr
    assert "tensorflow" not in done.stderr


def test_the_command_ends_with_a_task_that_is_killed(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    os.mkfifo(request)
    node = [sys.executable, "-m", "tfx_modules.node", str(request)]
    task = (
        f"import subprocess; p = subprocess.Popen({node!r}, start_new_session=True); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", task], stdout=subprocess.PIPE, text=True, env=environment()) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        with request.open("w", encoding="utf-8"):  # once the command reads its request
            assert is_alive(pid)
            parent.kill()
            wait_until(lambda: not is_alive(pid))


def test_a_node_that_must_have_a_gpu_fails_before_it_is_launched_where_there_is_none(nodes: Nodes) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("there is a GPU here")
    ended = nodes.run("Writer", text="hello", changes={"gpu": "required"})

    assert (ended.state, ended.execution_id) == ("failed", None)
    assert ended.reason.startswith("Writer: TensorFlow sees no GPU, and [bert_service] require_gpu is true; allowed: ")


def test_a_node_that_wants_a_gpu_says_what_it_runs_on(nodes: Nodes) -> None:
    ended = nodes.run("Writer", text="hello", changes={"gpu": "wanted"})

    assert ended.state == "complete"
    assert any("INFO Writer: TensorFlow sees " in line for line in ended.log)


def session_of_child(server: int) -> list[int]:
    """The living processes of the session of the server's one node; none before it has one."""
    sessions = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if is_alive(pid := int(entry.name)):
                sessions[pid] = (os.getsid(pid), parent(pid))
    nodes = [pid for pid, (leader, above) in sessions.items() if pid == leader and above == server]
    return [pid for pid, (leader, _) in sessions.items() if leader in nodes]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Input that is worth two Beam workers."""
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one core: Beam runs in the node's own process")
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "words.csv").write_text("n,word\n" + "1,good\n" * (2 * BYTES_PER_WORKER // 7 + 1), encoding="utf-8")
    return folder


def test_a_cancelled_node_leaves_no_beam_workers_behind(nodes: Nodes, large: Path) -> None:
    client = nodes.start(nodes.message("CsvExampleGen", "run-1", {"input_base": str(large)}))
    server = nodes.server.process.pid
    wait_until(lambda: len(session_of_child(server)) == 4, 240)  # node, forker, workers
    pids = session_of_child(server)

    client.shutdown(socket.SHUT_WR)

    wait_until(lambda: not any(map(is_alive, pids)), 60)
    client.close()


def test_only_their_user_reaches_the_node_server_and_a_node_with_beam_workers(nodes: Nodes, large: Path) -> None:
    message = nodes.message("CsvExampleGen", "run-1", {"input_base": str(large)})
    client = nodes.start(message)
    server = nodes.server.process.pid
    wait_until(lambda: len(session_of_child(server)) == 4, 240)  # node, forker, workers

    tree = process_tree(server)

    assert {Path(each.address).name for each in listening(tree)} == {"socket", "control", "data", "state"}
    assert {each.kind for each in listening(tree)} == {"unix"}
    assert open_to_others(tree) == []
    client.shutdown(socket.SHUT_WR)
    assert nodes.finish(client, message).code < 0


def test_a_node_runs_beam_by_the_pipelines_arguments(
    nodes: Nodes, module_root: Path, reviews: Path, tmp_path: Path
) -> None:
    arguments = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    compiled = tmp_path / "threads.json"
    code = f"import sys, node_pipeline as n; from google.protobuf.json_format import MessageToJson as to_json\n\
open({str(compiled)!r}, 'w').write(to_json(n.compile_pipeline({arguments}), preserving_proto_field_name=True))"
    subprocess.run([sys.executable, "-c", code], cwd=module_root, env=environment(), check=True, timeout=240)

    ended = nodes.run("CsvExampleGen", changes={"pipeline": str(compiled)}, input_base=str(reviews))

    assert (ended.code, ended.state) == (0, "complete")
    assert any(line.endswith("Beam runs with " + " ".join(arguments)) for line in ended.log)


def test_a_small_input_is_read_in_the_nodes_own_process(nodes: Nodes, reviews: Path) -> None:
    ended = nodes.run("CsvExampleGen", input_base=str(reviews))

    assert any(line.endswith(f"Beam runs in this process for {len(CSV)} bytes of input") for line in ended.log), (
        ended.log
    )
