"""Shows settings that cannot be used as the import error of a DAG file: users look for it in Airflow's UI.

The section ``[bert_service]`` says where snapshots are, so there is none to show without it. The DAG file stands in a
folder of Airflow's own for the bundle instead::

    <[dag_processor] dag_bundle_storage_path>/<bundle>/wrong_settings/<version>/settings_are_wrong.py
"""

import hashlib
import os
from pathlib import Path

from airflow_bert_service.bundle.error_file import error_file
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.version import DIGITS

FOLDER = "wrong_settings"
ERROR_FILE = "settings_are_wrong.py"
_REMEDY = (
    "Until this is corrected, Airflow shows none of this bundle's DAGs, and the tasks of their runs fail. No record of "
    "a run is lost. Correct [bert_service] in airflow.cfg, or the environment variable, and restart Airflow."
)


class WrongSettings:
    """A folder with one DAG file, which raises the error of the settings.

    Args:
        folder: Airflow's folder for the bundle.
        error: What the settings' reader said.
    """

    def __init__(self, folder: Path, error: SettingsError) -> None:
        self._message = f"{error}\n\n{_REMEDY}"
        digest = hashlib.sha256(self._message.encode()).hexdigest()[:DIGITS]
        self.version = f"{FOLDER}-{digest}"
        """Another one for each message: Airflow looks for DAG files only when the version is another."""
        self.path = folder / FOLDER / digest

    def write(self) -> None:
        """Write the file where it is missing. Several processes may do so at the same time."""
        file = self.path / ERROR_FILE
        if not file.is_file():
            self.path.mkdir(parents=True, exist_ok=True)
            part = self.path / f"{ERROR_FILE}.{os.getpid()}"
            text = error_file(SettingsError, self._message, what="its settings cannot be used")
            part.write_text(text, encoding="utf-8")
            part.replace(file)
