"""Compose takes every combination of files and profiles, and what it makes of them is safe by default."""

import copy
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow_bert_service.settings.settings import settings_from

from scripts.compose_backup import check_sums, compose_command
from scripts.compose_secrets import ADDRESSES, MADE, ensure_secrets
from scripts.container.health import CHECKS
from scripts.errors import StackError

ROOT = Path(__file__).parents[2]
FILES_ON_TOP = ("docker-compose.gpu.yaml", "docker-compose.node-containers.yaml")
OVERRIDES = [files for count in range(3) for files in itertools.combinations(FILES_ON_TOP, count)]
PROFILES = ("embedded-server", "monitoring")
COMBINATIONS = [
    (overrides, profiles)
    for overrides in OVERRIDES
    for count in range(len(PROFILES) + 1)
    for profiles in itertools.combinations(PROFILES, count)
]
MEBIBYTE = 1024 * 1024
METRIC = re.compile(r"(?::[a-z_]+){3,}")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    ensure_secrets(folder)
    return folder


def parsed(variables: Mapping[str, str], overrides: tuple[str, ...]) -> dict[str, Any]:
    """What a Compose client makes of the files, for machines without one; whether they are valid it cannot tell."""

    def value(match: "re.Match[str]") -> str:
        if match[0] == "$$":
            return "$"
        name, _, default = match[1].partition(":")
        return variables.get(name, default[1:]) or '""'

    found: dict[str, Any] = {}
    for file in ("docker-compose.yaml", *overrides):
        text = re.sub(r"\$\{(\w+(?::[-?][^}]*)?)\}|\$\$", value, (ROOT / file).read_text(encoding="utf-8"))
        merge(found, yaml.safe_load(text))
    return found


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list):
            into[key] = [*into[key], *value]
        else:
            into[key] = copy.deepcopy(value)  # two services may share what an anchor names


@cache
def config(secrets: Path, overrides: tuple[str, ...], profiles: tuple[str, ...]) -> dict[str, Any]:
    variables = {"BERT_SECRETS": str(secrets), "COMPOSE_PROJECT_NAME": "here", "BERT_DOCKER_GROUP": "999"}
    try:
        compose = compose_command()
    except StackError:
        return parsed(variables, overrides)
    files = [word for file in ("docker-compose.yaml", *overrides) for word in ("-f", file)]
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [*compose, *files, *chosen, "config"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


@pytest.mark.parametrize(("overrides", "profiles"), COMBINATIONS)
def test_every_combination_is_valid_and_safe(
    secrets: Path, overrides: tuple[str, ...], profiles: tuple[str, ...]
) -> None:
    services = config(secrets, overrides, profiles)["services"]

    # The old client prints those of other profiles, too.
    assert set(services) >= {"postgres", "init", "worker-gpu", "tf-serving"}
    assert "grafana" in services or "monitoring" not in profiles
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        for port in service.get("ports", ()):
            published = port if isinstance(port, str) else port["host_ip"]
            assert published.startswith("127.0.0.1"), name


def test_the_model_server_reaches_neither_databases_nor_state(secrets: Path) -> None:
    whole = config(secrets, (), PROFILES)

    assert whole["networks"]["backend"]["internal"]
    for name in ("tf-serving", "embedded-server"):
        service = whole["services"][name]
        assert list(service["networks"]) == ["serving"]
        sources = [v.partition(":")[0] if isinstance(v, str) else v["source"] for v in service["volumes"]]
        scripts = {"model_server.sh", "model_server_health.sh"}
        assert sorted({Path(source).name for source in sources} - scripts) == ["models", "serving"]
    with_it = {name for name, service in whole["services"].items() if "serving" in service["networks"]}
    assert with_it == {"tf-serving", "embedded-server", "worker-cpu", "prometheus"}


def secrets_of(service: dict[str, Any]) -> set[str]:
    return {name if isinstance(name, str) else name["source"] for name in service.get("secrets", ())}


@pytest.mark.parametrize(("overrides", "profiles"), COMBINATIONS)
def test_no_secret_is_in_what_the_engine_shows(
    secrets: Path, overrides: tuple[str, ...], profiles: tuple[str, ...]
) -> None:
    whole = config(secrets, overrides, profiles)

    # All but the files' names: environment, commands, health checks, labels.
    shown = json.dumps(whole["services"])
    for name in (*MADE, *ADDRESSES):
        assert (secrets / name).read_text() not in shown, name
    read = set(re.findall(r"/run/secrets/(\w+)", shown))
    handed = set().union(*(secrets_of(service) for service in whole["services"].values()))
    assert read <= handed
    assert handed <= set(whole["secrets"]) <= {*MADE, *ADDRESSES}
    for name, service in whole["services"].items():
        assert set(re.findall(r"/run/secrets/(\w+)", json.dumps(service))) <= secrets_of(service), name


@pytest.mark.parametrize(("overrides", "profiles"), COMBINATIONS)
def test_every_service_has_limits_of_memory_processors_processes_and_logs(
    secrets: Path, overrides: tuple[str, ...], profiles: tuple[str, ...]
) -> None:
    for name, service in config(secrets, overrides, profiles)["services"].items():
        limits = {**service.get("deploy", {}).get("resources", {}).get("limits", {}), **service}
        assert in_bytes(limits.get("mem_limit") or limits.get("memory")) >= 256 * MEBIBYTE, name
        # More than two processors would be refused by the engine of a machine with two.
        assert 0 < float(limits["cpus"]) <= 2, name
        assert 0 < int(limits.get("pids_limit") or limits["pids"]) <= 4096, name
        logs = service["logging"]
        assert logs["driver"] == "json-file", name
        assert in_bytes(logs["options"]["max-size"]) * int(logs["options"]["max-file"]) <= 100 * MEBIBYTE, name


def test_a_training_ends_before_postgresql_does(secrets: Path) -> None:
    services = config(secrets, (), ())["services"]

    for name, service in services.items():
        is_worker = name.startswith("worker-")
        assert service.get("oom_score_adj", 0) == (500 if is_worker else 0), name
        assert service.get("cpu_shares", 1024) == (256 if is_worker else 1024), name


def in_bytes(size: Any) -> int:
    """As the clients print it: bytes, or with a unit."""
    number, unit = re.findall(r"^(\d+)([kmg]?)b?$", str(size).lower())[0]
    return int(number) << 10 * " kmg".index(unit or " ")


def test_images_are_pinned_to_a_version(secrets: Path) -> None:
    services = config(secrets, OVERRIDES[-1], PROFILES)["services"]
    images = {service["image"] for service in services.values() if "build" not in service}
    images |= {
        base for s in services.values() for key, base in s.get("build", {}).get("args", {}).items() if "_IMAGE" in key
    }

    assert len(images) == 7
    for image in images:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.?\d*(-[a-z]+)*(@sha256:[0-9a-f]{64})?", image), image


def test_files_of_images_have_the_bases_of_the_compose_file(secrets: Path) -> None:
    args = config(secrets, (), PROFILES)["services"]["worker-cpu"]["build"]["args"]

    for name in ("airflow", "worker", "serving"):
        lines = (ROOT / "docker" / f"Dockerfile.{name}").read_text().splitlines()
        given = dict(line.removeprefix("ARG ").split("=", 1) for line in lines if re.match(r"ARG \w+_IMAGE=", line))
        assert given.items() <= args.items(), name


def test_workers_have_no_key_of_airflows(secrets: Path) -> None:
    services = config(secrets, (), ())["services"]

    for name in ("worker-cpu", "worker-gpu"):
        assert secrets_of(services[name]) == {"celery_broker", "celery_results", "metadata", "ledger"}
        environment = services[name]["environment"]
        assert not any(key.startswith(("AIRFLOW__API_AUTH__JWT", "AIRFLOW__CORE__FERNET")) for key in environment)
        assert "nobody@" in environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


def test_the_gpu_is_the_gpu_workers_alone(secrets: Path) -> None:
    services = config(secrets, ("docker-compose.gpu.yaml",), ())["services"]

    assert [name for name, service in services.items() if "deploy" in service] == ["worker-gpu"]
    assert services["worker-gpu"]["environment"]["AIRFLOW__BERT_SERVICE__REQUIRE_GPU"] == "true"
    assert services["worker-gpu"]["image"] != services["worker-cpu"]["image"]


def container_keys(service: dict[str, Any]) -> dict[str, str]:
    beginning = "AIRFLOW__BERT_SERVICE__"
    keys = {name.removeprefix(beginning).lower(): value for name, value in service["environment"].items()}
    return {key: value for key, value in keys.items() if key.startswith("container_")}


def test_the_engine_is_the_gpu_workers_alone(secrets: Path) -> None:
    whole = config(secrets, ("docker-compose.node-containers.yaml",), PROFILES)

    assert [name for name, service in whole["services"].items() if "docker.sock" in str(service)] == ["worker-gpu"]
    assert whole["services"]["worker-gpu"]["group_add"] == ["999"]
    values = container_keys(whole["services"]["dag-processor"])
    made = settings_from(values).containers
    assert made.container_nodes == ("Trainer",)
    for mount in made.container_mounts:
        assert mount.source.removeprefix("here_") in whole["volumes"]
    assert made.container_network.removeprefix("here_") in whole["networks"]
    for name in ("worker-cpu", "worker-gpu"):
        assert container_keys(whole["services"][name]) == values


def test_every_part_of_ours_has_a_health_check() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    parts = {s["environment"].get("BERT_SERVICE_PART") for s in services.values() if "environment" in s}

    assert parts - {None} <= set(CHECKS)
    assert {"api-server", "scheduler", "dag-processor", "triggerer", "worker"} <= parts


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    ensure_secrets(folder)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    (folder / "redis_password").unlink()
    ensure_secrets(folder)
    second = {file.name: file.read_text() for file in folder.iterdir()}

    assert set(first) == {*MADE, *ADDRESSES}
    changed = {"redis_password", "celery_broker", "celery_results"}
    assert {name for name in first if first[name] != second[name]} == changed
    assert folder.stat().st_mode & 0o777 == 0o700
    # Each service reads its files as a user of its own.
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}
    values = [first[name] for name in MADE]
    assert len(set(values)) == len(MADE)
    assert all(len(value) >= 20 for value in values)
    assert first["airflow_db_password"] in first["airflow_database"]
    assert not any(value.endswith("\n") for value in first.values())


def test_secrets_in_files_of_variables_are_taken_over(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "postgres.env").write_text("POSTGRES_PASSWORD=first\nLEDGER_DB_PASSWORD=second\n")
    (tmp_path / "worker.env").write_text(
        "AIRFLOW__BERT_SERVICE__LEDGER=postgresql://ledger:second@postgres:5432/ledger\n"
    )

    ensure_secrets(tmp_path)

    assert (tmp_path / "postgres_password").read_text() == "first"
    assert (tmp_path / "ledger").read_text() == "postgresql://ledger:second@postgres:5432/ledger"
    assert not list(tmp_path.glob("*.env"))


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with pytest.raises(StackError, match="open to other users"):
        ensure_secrets(tmp_path)


@pytest.mark.parametrize("name", sorted(MADE))
@pytest.mark.parametrize("kept", [0, 8])
def test_a_secret_file_that_is_empty_or_cut_off_is_refused_and_stays(tmp_path: Path, name: str, kept: int) -> None:
    file = tmp_path / "secrets" / name
    ensure_secrets(file.parent)
    cut = file.read_bytes()[:kept]
    file.write_bytes(cut)

    with pytest.raises(StackError, match=rf"{name} holds a secret and cannot be used: it has {kept} characters"):
        ensure_secrets(file.parent)
    assert file.read_bytes() == cut


def test_the_dashboard_asks_for_documented_metrics() -> None:
    dashboard = json.loads((ROOT / "docker/grafana/dashboards/model-serving.json").read_text())
    documented = set(METRIC.findall((ROOT / "docs/reference/model-server.md").read_text()))
    asked = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in METRIC.findall(target["expr"])
    }

    parts = re.compile("_(bucket|sum|count)$")  # of a histogram
    assert {name if name in documented else parts.sub("", name) for name in asked} <= documented
    assert len(asked) >= 6


@pytest.mark.parametrize("name", ["airflow", "tfx", "serving"])
def test_images_have_the_locked_versions_and_no_test_tools(name: str) -> None:
    side = "airflow" if name == "airflow" else "tfx"
    locked = _versions(ROOT / "requirements" / f"{side}.txt")
    image = _versions(ROOT / "docker" / "requirements" / f"{name}.txt")

    assert image.items() <= locked.items()
    assert not {"pytest", "mypy", "hypothesis", "moto"} & set(image)


@pytest.mark.parametrize("name", ["airflow", "worker", "serving"])
def test_every_from_is_an_argument_or_a_stage(name: str) -> None:
    lines = (ROOT / "docker" / f"Dockerfile.{name}").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]

    assert bases
    assert all(re.fullmatch(r"\$\{\w+_IMAGE\}", base) for base in bases)


def _versions(lock: Path) -> dict[str, str]:
    pairs = [line.split()[0].split("==") for line in lock.read_text().splitlines() if re.match(r"[a-z0-9].*==", line)]
    return dict(pairs)


@pytest.mark.parametrize("harm", ["changed", "missing", "no sums"])
def test_a_damaged_backup_is_refused(tmp_path: Path, harm: str) -> None:
    names = ("airflow.dump", "ledger.dump", "mlmd.dump", "state.tar.gz")
    for name in names:
        (tmp_path / name).write_text(name)
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    (tmp_path / "backup.json").write_text(json.dumps({"files": sums}))
    check_sums(tmp_path)

    if harm == "changed":
        (tmp_path / "mlmd.dump").write_text("mlmd.dumb")
    else:
        (tmp_path / ("mlmd.dump" if harm == "missing" else "backup.json")).unlink()

    with pytest.raises(
        StackError, match=r"(mlmd.dump is missing, or is not what|has no backup.json).*Nothing was changed"
    ):
        check_sums(tmp_path)


def test_init_refuses_half_a_restore(tmp_path: Path) -> None:
    (tmp_path / ".restore-unfinished").touch()
    password = tmp_path / "admin_password"
    password.write_text("a-long-password")
    environ = {**os.environ, "BERT_SERVICE_STATE": str(tmp_path), "ADMIN_PASSWORD_FILE": str(password)}

    done = subprocess.run(
        [sys.executable, "-m", "scripts.container.init"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "A restore began and has not ended" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {".restore-unfinished", "admin_password"}
