"""The library of Kubeflow Pipelines, which is in an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tfx_modules.kubeflow.kfp_library import require_kfp

ENVIRONMENT = Path(os.environ.get("KFP_ENVIRONMENT", Path(__file__).parents[3] / ".venv" / "kubeflow"))


@pytest.fixture(scope="session")
def kfp_environment() -> Path:
    if not (ENVIRONMENT / "bin" / "python").exists():
        pytest.skip(f"there is no environment with kfp in {ENVIRONMENT}; `make setup-kubeflow` builds it")
    require_kfp(ENVIRONMENT)
    return ENVIRONMENT


@pytest.fixture(scope="session")
def in_kfp(kfp_environment: Path) -> Callable[..., str]:
    """Return a function that runs code with kfp's own Python."""

    def run(code: str, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "_KFP"))}
        command = [str(kfp_environment / "bin" / "python"), "-W", "ignore", "-c", code, *arguments]
        done = subprocess.run(command, env=environment, cwd=sys.prefix, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
