"""Checks the settings of both sides before the stack starts: a mistake is told within seconds, and not by a log.

As a script, it checks the Airflow side's: `python -m scripts.stack.settings_check`, in the environment of Airflow's
processes, prints the error and exits with 1.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.errors import StackError
from scripts.stack.paths import StackPaths
from scripts.stack.plugins import make_plugins_importable

SECONDS = 120.0
"""For a machine that is very busy; idle, it takes two."""


def check_settings(paths: StackPaths, for_airflow: Mapping[str, str], for_tfx: Mapping[str, str]) -> None:
    """Check `[bert_service]` of airflow.cfg, the pipeline's settings.toml and the encoder that this names.

    Args:
        paths: Where the stack lives.
        for_airflow: The environment of Airflow's processes.
        for_tfx: The environment of the TFX side's.

    Raises:
        StackError: Settings cannot be used; the message has what both sides say.
    """
    own = paths.root / "dags" / "settings.toml"
    settings = own if own.is_file() else paths.root / "tfx_modules" / "settings.toml"
    commands = {
        "[bert_service] in airflow.cfg": _start(
            [str(paths.airflow_python), "-m", "scripts.stack.settings_check"], paths.root, for_airflow
        ),
        str(settings): _start(
            [str(paths.tfx_python), "-m", "tfx_modules.pipeline.compile", "--check", "--settings", str(settings)],
            paths.root,
            for_tfx,
        ),
    }
    errors = [f"{place}:\n{error}" for place, process in commands.items() if (error := _error_of(process))]
    if errors:
        text = "\n\n".join(errors)
        raise StackError(f"Settings cannot be used, so nothing was started.\n\n{text}")


def main() -> int:
    """Check the Airflow side's settings; return the exit code."""
    make_plugins_importable()
    from airflow_bert_service.exceptions import SettingsError
    from airflow_bert_service.settings.settings import load_settings

    try:
        load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _error_of(process: subprocess.Popen[str]) -> str:
    """Return what a check says is wrong, "" for nothing."""
    try:
        _, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"the check did not end within {SECONDS:.0f} s. Repeat the command."
    return "" if process.returncode == 0 else said.strip() or f"the check ended with exit code {process.returncode}."


if __name__ == "__main__":
    sys.exit(main())
