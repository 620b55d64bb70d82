"""Each side of the project imports its own world only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TFX_WORLD = {"tensorflow", "tensorflow_text", "tfx", "keras", "keras_hub", "keras_tuner", "apache_beam", "tfx_modules"}
AIRFLOW_WORLD = {"airflow", "plugins", "airflow_bert_service", "airflow_bert_service_plugin", "dags"}
HEAVY = sorted(TFX_WORLD)


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of the packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize(
    ("folder", "foreign"), [("plugins", TFX_WORLD), ("dags", TFX_WORLD), ("tfx_modules", AIRFLOW_WORLD)]
)
def test_no_file_imports_the_other_sides_packages(folder: str, foreign: set[str]) -> None:
    assert sources(folder), f"{folder}/ has no Python files"
    found = {str(path.relative_to(ROOT)): foreign & set(imported(path)) for path in sources(folder)}
    assert {path: names for path, names in found.items() if names} == {}


def test_importing_the_airflow_side_leaves_tensorflow_out() -> None:
    modules = [
        ".".join(path.relative_to(ROOT / "plugins").with_suffix("").parts)
        for path in sources("plugins")
        if path.name not in {"__init__.py", "__main__.py"}
    ]
    script = "import importlib, sys\n"
    script += f"for name in {modules!r}: importlib.import_module(name)\n"
    script += f"print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "plugins", capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, ["[]"]), done.stderr


def packages() -> list[Path]:
    roots = (ROOT / "plugins" / "airflow_bert_service", ROOT / "tfx_modules")
    return sorted({path.parent for root in roots for path in root.rglob("*.py") if "migrations" not in path.parts})


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_is_small_and_its_docstring_says_what_it_is(package: Path) -> None:
    modules = [path for path in package.glob("*.py") if path.name not in {"__init__.py", "__main__.py"}]
    assert len(modules) <= 12
    assert ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))


MAKE_FEEDS = """
import sys
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.settings.settings import settings_from
needed = {
    "first_day": "2026-11-01",
    "files_pattern": "s3://reviews/{date}.csv", "files_conn_id": "nowhere",
    "sql_query": "SELECT * FROM reviews WHERE day >= :start AND day < :end ORDER BY id", "sql_conn_id": "nowhere",
    "http_endpoint": "/{date}", "http_conn_id": "nowhere",
}
for name in ("files", "sql", "http"):
    feed = make_feed(settings_from({"feed": name, **needed}))
    feed.first_day, feed.last_day
print(sorted(set(sys.argv[1:]) & set(sys.modules)))
"""


def test_making_a_feed_as_every_parse_of_the_dag_does_imports_no_client_of_a_source() -> None:
    clients = ["airflow", "boto3", "fsspec", "httpx", "psycopg", "requests", "s3fs", "upath"]
    command = [sys.executable, "-c", MAKE_FEEDS, *clients]
    done = subprocess.run(command, cwd=ROOT / "plugins", capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


MAKE_THE_SAMPLE_FEED = """
import sys
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.settings.settings import settings_from
make_feed(settings_from({}))
import airflow_bert_service.operators.refresh
print(sorted(name for name in sys.modules if name.startswith("airflow_bert_service.feeds.")))
"""


def test_a_parse_of_the_dag_imports_the_feed_that_the_settings_choose_and_no_other() -> None:
    command = [sys.executable, "-c", MAKE_THE_SAMPLE_FEED]
    done = subprocess.run(command, cwd=ROOT / "plugins", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    feeds = {name.split(".")[2] for name in ast.literal_eval(done.stdout)}
    assert feeds == {"base", "made_up", "readers", "sample"}
