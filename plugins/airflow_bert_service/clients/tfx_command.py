"""Makes the error messages of TFX-side commands that cannot be started, or fail."""

from collections.abc import Mapping
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import command


def missing_python(python: Path, module_root: Path) -> SettingsError:
    """Make the error of a command whose Python or working folder does not exist."""
    return SettingsError(
        f"[bert_service] tfx_python is {str(python)!r}, and tfx_modules is in {str(module_root)!r}; one of them does "
        f"not exist. Run `{command('setup-tfx')}`, or correct the setting."
    )


def last_line(text: str, *, hidden: Mapping[str, str]) -> str:
    """Return the last line that a failed command wrote to standard error: the reason.

    Args:
        text: The command's standard error.
        hidden: Secret texts, such as addresses with passwords, and what replaces each.
    """
    for secret, name in hidden.items():
        text = text.replace(secret, name)
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it wrote nothing to standard error"
