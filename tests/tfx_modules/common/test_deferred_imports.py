"""Importing TFX leaves out Google Cloud AI Platform until something of it is used."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import inspect, sys
import tfx_modules
from tfx import v1
from tfx.extensions.google_cloud_ai_platform import prediction_clients, runner, training_clients

def is_imported():
    return "google.cloud.aiplatform" in sys.modules

print(is_imported())
inspect.getmodule(inspect.currentframe())  # looks at all modules
hasattr(training_clients, "__warningregistry__")
print(is_imported())
print(callable(training_clients.get_job_client), is_imported())
print(training_clients.VertexJobClient is runner.training_clients.VertexJobClient)
print(hasattr(prediction_clients, "get_prediction_client"), hasattr(prediction_clients, "nothing"))
"""

OF_A_TOY = """
import threading
from tfx_modules.common import deferred_imports

deferred_imports.DEFERRED = frozenset({"slow", "broken"})
import broken, slow

for _ in range(2):
    try:
        broken.VALUE
    except ModuleNotFoundError as error:
        print(error)
threads = [threading.Thread(target=lambda: print(slow.VALUE)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_they_are_imported_when_something_of_theirs_is_used(repository: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=repository, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False", "False", "True True", "True", "True False"]


def test_threads_wait_for_each_other_and_an_import_that_fails_says_so_each_time(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.3)\nVALUE = 'all of it'\n")
    (tmp_path / "broken.py").write_text("import not_there\n")
    paths = {"PYTHONPATH": f"{repository}:{tmp_path}"}

    done = subprocess.run([sys.executable, "-c", OF_A_TOY], env=paths, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["No module named 'not_there'"] * 2 + ["all of it"] * 3
