"""The function that trains and exports gets the run's holdout."""

import json
from pathlib import Path
from typing import Any

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


def test_the_run_s_holdout_is_part_of_what_the_function_is_told(tmp_path: Path) -> None:
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
    Executor(Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do({"examples": examples}, outputs, given)
    (written,) = (tmp_path / "model").rglob("written.json")
    assert json.loads(written.read_text()) == {"encoder": {"max_tokens": 32}, "holdout": HOLDOUT}
    assert given["custom_config"] == '{"encoder": {"max_tokens": 32}}'
