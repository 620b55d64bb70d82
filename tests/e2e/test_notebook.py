"""The notebook runs from its first cell to its last, and its cells can be handed on to the TFX environment."""

import csv
import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_own_pipeline import ROOT, TFX_PYTHON
from tests.e2e.test_run_local import DAYS, MAKE_ENCODER, SETTINGS, WORDS, told

NAME = "bert_sentiment.ipynb"
ENVIRONMENT = ROOT / ".venv" / "notebook" / "bin"
PARAMETERS = """
SETTINGS, REVIEWS, HOLDOUT = Path("settings.toml"), Path("reviews.csv"), Path("held_out.csv")
WINDOW_DAYS = 2
TEXTS = ["very good film", "so bad it was"]
"""
WITHOUT_TFX = """
import os, sys
there = os.path.realpath({tfx!r})
sys.path[:] = [path for path in sys.path if not os.path.realpath(path).startswith(there)]
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ENVIRONMENT.exists(), reason="there is no .venv/notebook; `make setup-notebook` builds it"),
]


@dataclass(frozen=True)
class Executed:
    """The outputs of a notebook's cells, by the cell's id."""

    outputs: dict[str, list[dict[str, Any]]]

    def printed(self, cell: str) -> str:
        return "".join("".join(item["text"]) for item in self.outputs[cell] if item["output_type"] == "stream")

    def shown(self, cell: str, kind: str) -> list[str]:
        return ["".join(item["data"][kind]) for item in self.outputs[cell] if kind in item.get("data", {})]

    def errors(self, cell: str) -> list[str]:
        found = [item for item in self.outputs[cell] if item["output_type"] == "error"]
        return [re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(item["traceback"])) for item in found]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose state is the tests' own, with a small encoder and reviews whose label is told by a word."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in (".venv", "data", "scripts", "tfx_modules"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "notebooks").mkdir()
    (folder / "settings.toml").write_text(SETTINGS.format(folder=folder))
    command = [str(TFX_PYTHON), "-c", MAKE_ENCODER, str(folder / "encoder"), *WORDS]
    subprocess.run(command, cwd=ROOT, env=environ_of(folder), check=True, capture_output=True)
    rows = [(f"{day}-{n}", day, *row) for k, day in enumerate(DAYS) for n, row in enumerate(told(120, 120 * k))]
    write(folder / "reviews.csv", [("id", "date", "review", "sentiment"), *rows])
    write(folder / "held_out.csv", [("review", "sentiment"), *told(60, 400)])
    return folder


def environ_of(folder: Path) -> dict[str, str]:
    """Return the environment variables, without those that choose another Python's or user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "AIRFLOW"))}
    own = {name: str(folder / "jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    return {**kept, **own}


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def execute(checkout: Path, cells: list[dict[str, Any]], kernel: str = "python3") -> Executed:
    """Run cells in the checkout, as a user does with the notebook; a cell that fails is an error."""
    document = {**committed(), "cells": cells}
    (checkout / "notebooks" / NAME).write_text(json.dumps(document))
    command = [str(ENVIRONMENT / "jupyter"), "execute", "--timeout=600", f"--kernel_name={kernel}", "--inplace", NAME]
    done = subprocess.run(
        command, cwd=checkout / "notebooks", env=environ_of(checkout), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, re.sub(r"\x1b\[[0-9;]*m", "", done.stderr)
    run = json.loads((checkout / "notebooks" / NAME).read_text())
    return Executed({cell["id"]: cell["outputs"] for cell in run["cells"] if cell["cell_type"] == "code"})


def committed() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "notebooks" / NAME).read_text(encoding="utf-8"))
    return loaded


def cell(name: str, source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": list(tags)},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def test_the_notebook_runs_and_shows_what_a_person_looks_at(checkout: Path) -> None:
    cells = committed()["cells"]
    for one in cells:
        if "parameters" in one["metadata"].get("tags", ()):
            one["source"] = "".join(one["source"]) + PARAMETERS

    run = execute(checkout, cells)

    assert "240 reviews from 2026-11-04 to 2026-11-05" in run.printed("pipeline")
    for name, pictures in {"statistics": 2, "transform": 1, "training": 1, "evaluation": 1, "answers": 1}.items():
        assert len(run.shown(name, "image/png")) == pictures, name
    assert len(run.shown("confusion", "image/png")) == 1
    assert "sentiment" in run.shown("schema", "text/html")[1]
    assert any("No anomalies found" in page for page in run.shown("anomalies", "text/html"))
    assert "[CLS]" in run.shown("transform", "text/html")[0]
    assert "all examples" in run.shown("evaluation", "text/html")[0]
    assert "Pusher: complete" in run.printed("pusher")
    assert "In service: 2026110501" in run.printed("pusher")
    (answers,) = run.shown("answers", "text/html")
    assert re.findall(r"<td[^>]*>(positive|negative)</td>", answers) == ["positive", "negative"]


def test_cells_are_handed_on_where_the_notebooks_python_has_no_tfx(checkout: Path) -> None:
    spec = checkout / "jupyter" / "kernels" / "elsewhere" / "kernel.json"
    spec.parent.mkdir(parents=True)
    program = WITHOUT_TFX.format(tfx=str(ROOT / ".venv" / "tfx" / "lib"))
    argv = [str(ENVIRONMENT / "python"), "-c", program, "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "elsewhere", "language": "python"}))
    (set_up,) = (one for one in committed()["cells"] if one["id"] == "set-up")

    run = execute(
        checkout,
        [
            set_up,
            cell("where", "import importlib.util, os\nprint(importlib.util.find_spec('tfx').name, os.getcwd())"),
            cell("show", "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))\n6 * 7"),
            cell("magic", "%matplotlib inline\nfrom matplotlib import pyplot\npyplot.plot([1, 2])"),
            cell("fail", "def broken():\n    raise ValueError('of the cell')\nbroken()", "raises-exception"),
            # Interrupts the notebook's own kernel, as the button of a notebook does.
            cell(
                "stop",
                "import signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(300)",
                "raises-exception",
            ),
            cell("after", "print('goes on')"),
        ],
        kernel="elsewhere",
    )

    assert "all further cells run in" in run.printed("set-up")
    assert run.printed("where") == f"tfx {checkout}\n"
    assert run.shown("show", "text/html") == ["<b>bold</b>"]
    assert run.shown("show", "text/plain")[-1] == "42"
    assert len(run.shown("magic", "image/png")) == 1
    (failure,) = run.errors("fail")
    assert "of the cell" in failure
    assert "broken()" in failure
    assert "handover" not in failure
    (interrupt,) = run.errors("stop")
    assert "KeyboardInterrupt" in interrupt
    assert run.printed("after") == "goes on\n"
