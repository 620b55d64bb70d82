"""Implements the test's steps, in their order; each leaves a stack that the next can use."""

import datetime as dt
import shutil
import time

from scripts import compose_backup
from scripts.errors import StackError
from scripts.stack.api import AirflowApi, TaskState
from scripts.stack.credentials import USER
from scripts.stack.pipeline import checkout_pipeline
from scripts.stack.ports import LOOPBACK
from scripts.stack.waiting import wait_until
from scripts.stack_test.bases import image_of
from scripts.stack_test.figures import Figures
from scripts.stack_test.running_stack import AIRFLOW, MODEL_SERVER, SERVICES, STAND_INS, TestStack, with_node_containers
from scripts.stack_test.watching import (
    REVIEWS,
    ask,
    counts,
    require_hidden_secrets,
    require_no_less,
    served_versions,
    wait_for_health,
    wait_for_run,
    wait_for_task,
)

DATES = ("2026-11-03", "2026-11-04", "2026-11-05", "2026-11-06", "2026-11-07")
STEPS = 220
"""Batches that a run trains on: enough for the gate on the sample feed, and for a kill in the middle."""
LONG_STEPS = 300
LOAD_SECONDS = 180.0
BUILT = {"airflow": "api-server", "worker": "worker-cpu", "serving": MODEL_SERVER}


def build(test_stack: TestStack, figures: Figures) -> None:
    """Build the images, and again after a change of code."""
    for name, image in STAND_INS.items():
        base = f"BASE_IMAGE={image_of('3.12')}"
        test_stack.engine.docker(
            "build", "-q", "-t", image, "-f", f"docker/test/Dockerfile.{name}", "--build-arg", base, "."
        )
    for name, service in BUILT.items():
        with figures.timed(f"build of the {name} image"):
            test_stack.engine.compose("build", service)
        figures.note(f"{name} image, MB", test_stack.engine.bytes_of(f"bert-service-test/{name}") // 1_000_000)


def start(test_stack: TestStack, figures: Figures) -> AirflowApi:
    """Bring the stack up from nothing."""
    shutil.copytree(test_stack.engine.root / "docker" / "serving", test_stack.folder / "serving", dirs_exist_ok=True)
    with figures.timed("start with new volumes, until every service is healthy"):
        test_stack.engine.compose("up", "-d", *SERVICES)
        wait_for_health(test_stack, SERVICES, figures.progress)
    require_hidden_secrets(test_stack, SERVICES)
    return open_api(test_stack, figures)


def open_api(test_stack: TestStack, figures: Figures) -> AirflowApi:
    """Log in, wait for the DAG, and switch it on."""
    api = AirflowApi(f"http://{LOOPBACK}:{test_stack.ui_port}", user=USER, password=test_stack.password)
    wait_until(
        lambda: "" if api.is_paused(checkout_pipeline()) is not None else "the DAG (the pipeline is compiled first)",
        seconds=LOAD_SECONDS * 2,
        progress=figures.progress,
    )
    api.set_paused(checkout_pipeline(), paused=False)
    return api


def run(test_stack: TestStack, api: AirflowApi, figures: Figures) -> None:
    """A run through the API goes through, over both queues, and its model is served over REST and gRPC."""
    with figures.timed(f"a run that trains on {STEPS} batches"):
        tasks = wait_for_run(api, trigger(api, DATES[0], STEPS), figures.progress)
    for task in tasks:
        figures.progress.say(
            f"    {task.state:<10} {task.seconds:>6.1f}  {task.task_id} ({task.queue}, {task.hostname})"
        )
    trainer = next(task for task in tasks if task.task_id == "Trainer")
    figures.note("Trainer's queue and pool", f"{trainer.queue}, {trainer.pool}")
    wait_for_model(test_stack, 1, figures)
    figures.note("served versions", served_versions(test_stack))
    figures.note("answers over REST", check(ask(test_stack)))
    client = [".venv/tfx/bin/python", "-m", "tfx_modules.serving.client", "predict", "--grpc", f"{MODEL_SERVER}:8500"]
    lines = test_stack.engine.compose("exec", "-T", "worker-cpu", *client, *REVIEWS).splitlines()
    figures.note("answers over gRPC", check(dict(zip(REVIEWS, [line.split()[0] for line in lines], strict=True))))
    label(test_stack, figures)


def label(test_stack: TestStack, figures: Figures) -> None:
    """A label in the config file is taken over while the server runs."""
    version = served_versions(test_stack)[-1]
    config = test_stack.folder / "serving" / "models.config"
    text = config.read_text()
    policy = "model_version_policy { latest { num_versions: 1 } }"
    config.write_text(text.replace(policy, f"{policy} version_labels {{ key: 'stable' value: {version} }}"))

    def missing() -> str:
        try:
            ask(test_stack, "/labels/stable")
        except StackError:
            return "the label"
        return ""

    wait_until(missing, seconds=LOAD_SECONDS, progress=figures.progress)
    figures.note("answers to a label from the polled config file", check(ask(test_stack, "/labels/stable")))
    config.write_text(text)


def node_in_container(test_stack: TestStack, api: AirflowApi, figures: Figures) -> None:
    """Trainer in a container of its own: one that the GPU worker's engine starts, and that is gone in the end."""
    inside = with_node_containers(test_stack)
    with figures.timed("change to node containers"):
        inside.engine.compose("up", "-d", *SERVICES)
        wait_for_health(inside, SERVICES, figures.progress)
    run_id = trigger(api, DATES[1], STEPS)
    wait_for_task(api, run_id, "Trainer", _in_the_middle, figures.progress)
    figures.note("Trainer's container while it trains", the_container(test_stack, "Trainer"))
    tasks = {task.task_id: task for task in wait_for_run(api, run_id, figures.progress)}
    figures.note("Trainer in a container, s", tasks["Trainer"].seconds)
    if left := containers(test_stack, "Trainer"):
        raise StackError(f"The run has ended, and Trainer's container is still there: {left}")
    with figures.timed("change back to nodes in the worker"):
        test_stack.engine.compose("up", "-d", *SERVICES)
        wait_for_health(test_stack, SERVICES, figures.progress)


def the_container(test_stack: TestStack, task_id: str) -> str:
    """Return the image and the user of a task's container.

    Raises:
        StackError: It has none, or more than one.
    """
    found = containers(test_stack, task_id)
    if len(found) != 1:
        raise StackError(f"{task_id} has {len(found)} containers; exactly one was expected.")
    return test_stack.engine.docker("inspect", "--format", "{{.Config.Image}}, user {{.Config.User}}", found[0]).strip()


def containers(test_stack: TestStack, task_id: str) -> list[str]:
    """Return the ids of a task's containers, be they running or not."""
    return test_stack.engine.docker("ps", "-aq", "--filter", f"label=bert-service.task-id={task_id}").split()


def kill_worker(test_stack: TestStack, api: AirflowApi, figures: Figures) -> None:
    """A worker that is killed in the middle of training costs a try, not the run."""
    run_id = trigger(api, DATES[2], LONG_STEPS)
    wait_for_task(api, run_id, "Trainer", _in_the_middle, figures.progress)
    container = test_stack.engine.container("worker-gpu")
    killed = time.monotonic()
    test_stack.engine.docker("kill", container)
    figures.progress.say("  the GPU worker is killed")
    wait_for_task(api, run_id, "Trainer", lambda task: task.state != "running", figures.progress)
    figures.note("time until the killed worker's task is queued again, s", round(time.monotonic() - killed, 1))
    test_stack.engine.docker("start", container)
    tasks = {task.task_id: task for task in wait_for_run(api, run_id, figures.progress)}
    figures.note("time from the kill to the end of the run, s", round(time.monotonic() - killed, 1))
    figures.note("Trainer's tries", tasks["Trainer"].try_number)
    if tasks["Trainer"].try_number != 2:
        raise StackError(f"The worker was killed, but Trainer had {tasks['Trainer'].try_number} tries.")


def restart_all(test_stack: TestStack, api: AirflowApi, figures: Figures) -> None:
    """Every service is restarted in turn, Airflow's parts in the middle of a run; nothing is lost."""
    before = counts(test_stack)
    figures.note("rows before the restarts", before)
    wait_for_health(test_stack, SERVICES, figures.progress)
    for service in ("postgres", "redis", MODEL_SERVER, "worker-cpu", "worker-gpu"):
        restart(test_stack, service, figures)
    wait_for_health(test_stack, SERVICES, figures.progress)
    run_id = trigger(api, DATES[3], LONG_STEPS)
    wait_for_task(api, run_id, "Trainer", _in_the_middle, figures.progress)
    for service in (*AIRFLOW, "redis", "worker-cpu"):
        restart(test_stack, service, figures)
    wait_for_run(api, run_id, figures.progress)
    after = counts(test_stack)
    require_no_less(before, after, "Restarting every service")
    figures.note("rows after the restarts and a run", after)
    figures.note("answers after the restarts", check(ask(test_stack)))


def restart(test_stack: TestStack, service: str, figures: Figures) -> None:
    """Restart one service and wait until it is healthy."""
    with figures.timed(f"restart of {service}"):
        test_stack.engine.compose("restart", service)
        wait_for_health(test_stack, [service], figures.progress)


def upgrade(test_stack: TestStack, api: AirflowApi, figures: Figures) -> None:
    """New code in the middle of a run: it ends with the code that it began with, and the next run has the new one."""
    before = bundles(test_stack)
    run_id = trigger(api, DATES[4], LONG_STEPS)
    wait_for_task(api, run_id, "Trainer", _in_the_middle, figures.progress)
    settings = test_stack.engine.root / "tfx_modules" / "settings.toml"
    text = settings.read_text()
    settings.write_text(f"{text}\n# {dt.datetime.now(dt.timezone.utc).isoformat()}\n")
    try:
        with figures.timed("build after a change of code"):
            for service in BUILT.values():
                test_stack.engine.compose("build", service)
    finally:
        settings.write_text(text)
    with figures.timed("upgrade, with the warm shutdown of the busy workers"):
        test_stack.engine.compose("up", "-d", *SERVICES)
    wait_for_health(test_stack, SERVICES, figures.progress)
    wait_for_run(api, run_id, figures.progress)
    version = next(item for item in api.runs(checkout_pipeline()) if item["dag_run_id"] == run_id)["bundle_version"]
    figures.note("bundle versions before", before)
    figures.note("bundle version of the run that was under way", version)
    wait_until(
        lambda: "" if set(bundles(test_stack)) - set(before) else "the new version",
        seconds=LOAD_SECONDS * 2,
        progress=figures.progress,
    )
    figures.note("bundle versions after", bundles(test_stack))
    if version not in before:
        raise StackError(f"The run has version {version}; it began with one of {before}.")


def back_up_and_restore(test_stack: TestStack, figures: Figures) -> AirflowApi:
    """All volumes are thrown away; the backup brings everything back."""
    folder = test_stack.folder / "backup"
    shutil.rmtree(folder, ignore_errors=True)
    before = counts(test_stack)
    with figures.timed("backup"):
        compose_backup.save(folder, test_stack.engine.environ)
    figures.note("backup, MB", sum(file.stat().st_size for file in folder.iterdir()) // 1_000_000)
    test_stack.engine.compose("down", "--volumes")
    with figures.timed("restore into a new stack"):
        test_stack.engine.compose("up", "-d", "postgres")
        wait_for_health(test_stack, ["postgres"], figures.progress)
        compose_backup.restore(folder, test_stack.engine.environ)
        test_stack.engine.compose("up", "-d", *SERVICES)
        wait_for_health(test_stack, SERVICES, figures.progress)
    require_no_less(before, counts(test_stack), "The restore")
    wait_for_model(test_stack, 1, figures)
    figures.note("answers after the restore", check(ask(test_stack)))
    shutil.rmtree(folder)
    return open_api(test_stack, figures)


def wait_for_model(test_stack: TestStack, number: int, figures: Figures) -> None:
    """Wait until the model server serves as many versions."""
    wait_until(
        lambda: "" if len(served_versions(test_stack)) >= number else "the model server to load a version",
        seconds=LOAD_SECONDS,
        progress=figures.progress,
    )


def trigger(api: AirflowApi, date: str, steps: int) -> str:
    """Start a run that takes nothing from the cache; return its id."""
    run_id = f"stack_test__{date}__{dt.datetime.now(dt.timezone.utc):%H%M%S}"
    api.trigger(checkout_pipeline(), run_id, {"data_date": date, "train_steps": steps, "use_cache": False})
    return run_id


def bundles(test_stack: TestStack) -> list[str]:
    """Return the versions of the DAG bundle that there are."""
    return test_stack.engine.compose(
        "exec", "-T", "dag-processor", "ls", "/state/bundles/bert-sentiment/versions"
    ).split()


def check(labels: dict[str, str]) -> dict[str, str]:
    """Check the labels of the obvious reviews.

    Raises:
        StackError: One is wrong.
    """
    if labels != REVIEWS:
        raise StackError(f"The model misjudges obvious reviews: {labels}")
    return labels


def _in_the_middle(task: TaskState) -> bool:
    return task.state == "running" and task.seconds > 20
