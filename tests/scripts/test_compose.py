"""Compose takes every combination of files and profiles, and what it makes of them is safe by default."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow_bert_service.settings.settings import settings_from

from scripts.compose_backup import check_sums, compose_command
from scripts.compose_secrets import FILES, MADE, ensure_secrets
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
METRIC = re.compile(r"(?::[a-z_]+){3,}")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    ensure_secrets(folder)
    return folder


def config(secrets: Path, overrides: tuple[str, ...], profiles: tuple[str, ...]) -> dict[str, Any]:
    try:
        compose = compose_command()
    except StackError as error:
        pytest.skip(str(error))
    files = [word for file in ("docker-compose.yaml", *overrides) for word in ("-f", file)]
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [*compose, *files, *chosen, "config"],
        cwd=ROOT,
        env={**os.environ, "BERT_SECRETS": str(secrets), "COMPOSE_PROJECT_NAME": "here", "BERT_DOCKER_GROUP": "999"},
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
        assert sorted(Path(source).name for source in sources) == ["models", "serving"]
    with_it = {name for name, service in whole["services"].items() if "serving" in service["networks"]}
    assert with_it == {"tf-serving", "embedded-server", "worker-cpu", "prometheus"}


def test_workers_have_no_key_of_airflows(secrets: Path) -> None:
    services = config(secrets, (), ())["services"]

    for name in ("worker-cpu", "worker-gpu"):
        environment = services[name]["environment"]
        assert not {"AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY"} & set(environment)
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
    (folder / "redis.env").unlink()
    ensure_secrets(folder)

    assert set(first) == set(FILES)
    assert (folder / "postgres.env").read_text() == first["postgres.env"]
    assert (folder / "redis.env").read_text() != first["redis.env"]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    values = [line.partition("=")[2] for line in first["postgres.env"].splitlines()]
    assert len(set(values)) == 4
    assert all(len(value) >= 20 for value in values)
    assert set(MADE) >= {line.partition("=")[0] for line in first["postgres.env"].splitlines()}


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with pytest.raises(StackError, match="open to other users"):
        ensure_secrets(tmp_path)


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
    environ = {**os.environ, "BERT_SERVICE_STATE": str(tmp_path), "ADMIN_PASSWORD": "x"}

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
    assert [path.name for path in tmp_path.iterdir()] == [".restore-unfinished"]
