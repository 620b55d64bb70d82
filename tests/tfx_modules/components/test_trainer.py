"""The function that trains and exports gets the run's holdout."""

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from tfx_modules.components.trainer import Executor

HOLDOUT = '{"name": "some-v1", "path": "/some.csv", "sha256": "0"}'


def write_what_it_was_told(fn_args: FnArgs) -> None:
    """Stand for a training that ends at once."""
    io_utils.write_string_file(f"{fn_args.serving_model_dir}/written.json", json.dumps(fn_args.custom_config))


def artifact(kind: type[Artifact], folder: Path) -> list[Artifact]:
    made = kind()
    made.uri = str(folder)
    return [made]


def told(tmp_path: Path, context: Any) -> Any:
    """Run the executor, and return what its function was told."""
    examples = artifact(standard_artifacts.Examples, tmp_path / "examples")
    examples[0].split_names = '["train", "eval"]'
    outputs = {
        "model": artifact(standard_artifacts.Model, tmp_path / "model"),
        "model_run": artifact(standard_artifacts.ModelRun, tmp_path / "run"),
    }
    given: dict[str, Any] = {
        "run_fn": f"{__name__}.write_what_it_was_told",
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["eval"]}',
        "custom_config": '{"encoder": {"max_tokens": 32}}',
        "holdout": HOLDOUT,
    }
    Executor(context).Do({"examples": examples}, outputs, given)
    assert given["custom_config"] == '{"encoder": {"max_tokens": 32}}'
    (written,) = (tmp_path / "model").rglob("written.json")
    return json.loads(written.read_text())


def test_holdout_and_working_folder_are_part_of_what_the_function_is_told(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")
    context = Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1", stateful_working_dir=folder)
    assert told(tmp_path, context) == {"encoder": {"max_tokens": 32}, "holdout": HOLDOUT, "working_dir": folder}


def test_where_nothing_is_kept_between_tries_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = told(tmp_path, Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1"))["working_dir"]
    assert not Path(folder).exists()
    assert "no working folder: were it killed, a retry would begin anew" in caplog.text
