"""Finds the project's files: in a checkout of the project, or in a wheel that is installed into an Airflow.

A wheel carries, in its folder ``packaged``, what a checkout has beside ``plugins``: ``tfx_modules``, the sample feed
and its holdout, the lock of the TFX environment, the DAG files, and the scripts that build the TFX environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from airflow_bert_service.exceptions import BertServiceError

PACKAGE = Path(__file__).parent
PACKAGED = PACKAGE / "packaged"
"""The project's files in an installed wheel; a checkout has no such folder."""
MODULES = "tfx_modules"
PIPELINES = "bert_pipelines"
"""Name of the folder, beside the DAG files, that has a folder for each further pipeline."""
PROGRAM = "bert-service"
"""The wheel's command."""
CHECKOUT_PROGRAM = "scripts/bert"
"""The same command in a checkout."""
_MAKE: Mapping[str, str] = {"setup-tfx": "make setup", "compile": "make compile"}


def is_checkout() -> bool:
    """Whether the package runs from the project's folder, and not from an installed wheel."""
    return not PACKAGED.is_dir()


def project_root() -> Path:
    """Return the folder that holds ``tfx_modules``, ``data`` and ``dags``."""
    return PACKAGE.parents[1] if is_checkout() else PACKAGED


def airflow_home() -> Path:
    """Return Airflow's home folder, found as Airflow finds it."""
    return Path(os.path.expandvars(os.environ.get("AIRFLOW_HOME") or "~/airflow")).expanduser().absolute()


def dags_folder(root: Path) -> Path:
    """Return the DAGs folder: ``dags`` in the project's folder; with an installed wheel, Airflow's own.

    Args:
        root: The setting ``root``.
    """
    if root != PACKAGED:
        return root / "dags"
    from airflow.configuration import conf

    return Path(conf.get("core", "dags_folder")).expanduser().absolute()


def is_further(folder: Path) -> bool:
    """Whether a folder of DAG files is that of a further pipeline, ``<DAGs folder>/bert_pipelines/<name>``.

    The DAGs folder of a project, or of an Airflow, whose own folder happens to have that name is none.
    """
    above = folder.absolute().parent
    return above.name == PIPELINES and not any((above / name).exists() for name in (MODULES, "airflow.cfg"))


def module_root_of(dags: Path) -> Path:
    """Return the folder that holds the ``tfx_modules`` of some DAG files.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline in it. A ``tfx_modules`` beside the folder of
            the DAG files takes precedence over the installed wheel's.
    """
    beside = (dags.absolute().parents[1] if is_further(dags) else dags.absolute()).parent
    return beside if is_checkout() or (beside / MODULES).is_dir() else PACKAGED


def module_root_above(folder: Path) -> Path:
    """Return the folder that holds the ``tfx_modules`` for what is in some folder, at any depth.

    Args:
        folder: The nearest folder above it that has a ``tfx_modules`` takes precedence over the project's own.
    """
    above = folder.absolute().parents
    return next((parent for parent in above if (parent / MODULES).is_dir()), project_root())


def program() -> str:
    """Return the name of the project's command, as a user types it."""
    return CHECKOUT_PROGRAM if is_checkout() else PROGRAM


def command(name: str) -> str:
    """Return a sub-command as a user types it, for messages.

    Args:
        name: The sub-command, like ``compile`` or ``models history``.
    """
    if not is_checkout():
        return f"{PROGRAM} {name}"
    return _MAKE.get(name, f"{CHECKOUT_PROGRAM} {name}")


def require_tfx_python(python: Path, error: type[BertServiceError]) -> None:
    """Check that the TFX environment exists.

    Args:
        python: Its Python, as the setting ``tfx_python`` has it.
        error: The class of the error.

    Raises:
        BertServiceError: Of that class; there is none.
    """
    if not python.exists():
        raise error(
            f"[bert_service] tfx_python is {str(python)!r}, which does not exist; allowed: the Python of the TFX "
            f"environment. Run `{command('setup-tfx')}`, or correct the setting."
        )
