"""What the hooks that run a command of the TFX environment say when it cannot be started, or fails."""

from collections.abc import Mapping
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import command


def not_there(python: Path, module_root: Path) -> SettingsError:
    """Make the error of a command whose Python or working folder was not found."""
    return SettingsError(
        f"[bert_service] tfx_python is {str(python)!r}, or its tfx_modules are in {str(module_root)!r}; one of them is "
        f"not there. Run `{command('setup-tfx')}`, or set it."
    )


def last_words(said: str, *, hidden: Mapping[str, str]) -> str:
    """Return why a command failed, by its own account.

    Args:
        said: What it wrote to standard error.
        hidden: Texts that nobody is to read, such as addresses with passwords, and what is written in their place.
    """
    for secret, name in hidden.items():
        said = said.replace(secret, name)
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else "it wrote nothing to standard error"
