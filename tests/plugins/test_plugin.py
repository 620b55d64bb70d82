import subprocess
import sys
from pathlib import Path

import pytest
from airflow.plugins_manager import get_import_errors, get_timetables_plugins
from airflow_bert_service.dag.timetable import DailyUntilTimetable


def test_airflow_finds_the_plugin_and_its_timetable_without_an_error() -> None:
    assert get_import_errors() == {}
    assert get_timetables_plugins()["airflow_bert_service.dag.timetable.DailyUntilTimetable"] is DailyUntilTimetable


def test_the_plugin_loader_leaves_the_packages_modules_alone() -> None:
    """It would import `bert_service/settings.py` as a module named `settings`, and so on."""
    script = "from airflow.plugins_manager import get_timetables_plugins; get_timetables_plugins(); import sys\n"
    script += "print(sorted({'settings', 'compile', 'files', 'plan'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_loading_the_plugin_does_not_import_its_web_app() -> None:
    """Every process of Airflow's loads plugins; the app brings the API server's code with it."""
    script = "from airflow.plugins_manager import get_fastapi_plugins; apps, _ = get_fastapi_plugins(); import sys\n"
    script += "heavy = {'airflow_bert_service.webui.report_app', 'airflow_bert_service.webui.models.app',"
    script += " 'airflow_bert_service.pages', 'airflow.api_fastapi.core_api.security'}\n"
    script += "print([app['url_prefix'] for app in apps], sorted(heavy & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "['/bert_service'] []"


@pytest.mark.slow
def test_the_airflow_command_lists_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow", "plugins", "--output", "plain"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert any(
        line.startswith("bert_service ") and "airflow_bert_service_plugin.py" in line
        for line in done.stdout.splitlines()
    )
