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


def test_they_are_imported_when_something_of_theirs_is_used(repository: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=repository, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False", "False", "True True", "True", "True False"]
