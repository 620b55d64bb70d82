"""`scripts/bert retention` works beside a stack and without one."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / ".venv/tfx/bin/python").exists(), reason="the TFX environment is not built")
def test_a_dry_run_of_a_state_that_no_run_has_used(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "BERT_SERVICE"))}
    environment = {**kept, "BERT_SERVICE_STATE": str(tmp_path)}

    done = subprocess.run(
        [ROOT / "scripts" / "bert", "retention", "--dry-run"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "There is nothing to remove.\n"), done.stderr
