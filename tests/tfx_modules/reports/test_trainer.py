"""The page of a training, from the curves and the record that it leaves."""

import json
import re
from pathlib import Path

import pytest
import tensorflow as tf

from tests.tfx_modules.reports.made_up import Made, record
from tfx_modules.exceptions import NodeError
from tfx_modules.model.record import training_record
from tfx_modules.model.record.training_record import EngineChoice, Fit, TrainingRecord
from tfx_modules.reports import curves, trainer

CONFIG = json.dumps({"training": {"epochs": 3, "learning_rate": 2e-5, "jit_compile": True}, "export": {"engines": []}})
MADE = TrainingRecord(
    hyperparameters={"learning_rate": 3e-5, "dropout": 0.1, "warmup_fraction": 0.1},
    tuned=True,
    fit=Fit("the CPU, float32", 1400, 700, 32, 132, 3, 75.2, 61.52),
    engines=(
        EngineChoice("TensorFlow", ("bfloat16",), "it is <quicker>", "own-v1", {"float32": 0.9125, "bfloat16": 0.912}),
        EngineChoice(
            "OpenVINO",
            ("bfloat16", "float32"),
            "int8 loses too much",
            "own-v1",
            {"float32": 0.9125, "bfloat16": 0.911, "int8": 0.5},
        ),
    ),
)


def write_curves(run: Path, accuracies: list[float]) -> None:
    """Write what Keras' callback writes."""
    for part, better in ((curves.TRAIN, 0.01), (curves.VALIDATION, 0.0)):
        writer = tf.summary.create_file_writer(str(run / part))
        with writer.as_default():
            for epoch, accuracy in enumerate(accuracies):
                tf.summary.scalar("epoch_accuracy", accuracy + better, step=epoch)
                tf.summary.scalar("epoch_loss", 1 - accuracy, step=epoch)
            if part == curves.TRAIN:
                for step in range(10, 130, 10):
                    tf.summary.scalar("batch_loss", 1 / step, step=step)
        writer.close()


def page(run: Path) -> str:
    return trainer.render(record({"model_run": Made(str(run))}, parameters={"custom_config": CONFIG}))


def test_it_has_curves_speed_hyperparameters_and_each_precision_with_its_accuracy(tmp_path: Path) -> None:
    write_curves(tmp_path, [0.7, 0.9, 0.9])
    training_record.write(MADE, tmp_path)
    made = page(tmp_path)
    assert "The weights of epoch 2 of 3 are kept: accuracy 0.900 on the eval split." in made
    for told in ("Accuracy of each epoch", "Loss of each epoch", "Loss by step", "61.5 examples/s", "1 min 15 s"):
        assert told in made
    assert "A search found them." in made
    assert "<dt>learning_rate</dt><dd>3e-05</dd>" in made
    assert "it is &lt;quicker&gt;" in made
    assert "<div>bfloat16, exported</div>" in made
    assert "<strong>bfloat16, float32</strong>" in made
    assert "<div>0.5000</div>" in made, "INT8's, which was not taken"
    assert "<div><code>training.learning_rate</code></div>" in made
    assert "<div>yes</div>" in made, "jit_compile"


def test_a_record_of_the_form_before_has_one_precision_for_each_engine(tmp_path: Path) -> None:
    training_record.write(MADE, tmp_path)
    file = tmp_path / training_record.FILE
    made = json.loads(file.read_text())
    made["format"] = 1
    for engine in made["engines"]:
        engine["precision"] = engine.pop("precisions")[0]
    file.write_text(json.dumps(made))
    found = training_record.read(tmp_path)
    assert found is not None
    assert [engine.precisions for engine in found.engines] == [("bfloat16",), ("bfloat16",)]


def test_the_numbers_of_the_curves_are_beside_them(tmp_path: Path) -> None:
    write_curves(tmp_path, [0.7, 0.9, 0.8])
    training_record.write(MADE, tmp_path)
    table = page(tmp_path).partition("Accuracy of each epoch")[2].partition("<details>")[2].partition("</details>")[0]
    assert [cell.partition("</div>")[0] for cell in table.split("<div>")[1:]] == [
        "1",
        "0.7100",
        "0.7000",
        "2",
        "0.9100",
        "0.9000",
        "3",
        "0.8100",
        "0.8000",
    ]


def test_of_a_long_training_some_of_the_steps_are_shown(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path / curves.TRAIN))
    with writer.as_default():
        for step in range(1, 502):
            tf.summary.scalar("batch_loss", 1 / step, step=step)
    writer.close()
    figure = page(tmp_path).partition("Loss by step")[2]
    assert figure.startswith(", 251 of 501 steps")
    shown = re.findall(r"<div>([\d,]+)</div>", figure.partition("<details>")[2].partition("</details>")[0])
    assert (len(shown), shown[-2:]) == (251, ["499", "501"])


def test_of_a_training_that_was_tried_again_the_last_try_counts(tmp_path: Path) -> None:
    write_curves(tmp_path, [0.1, 0.2])
    write_curves(tmp_path, [0.7, 0.9])
    found = curves.read(tmp_path, curves.VALIDATION)["epoch_accuracy"]
    assert [(step, round(value, 4)) for step, value in found] == [(0, 0.7), (1, 0.9)]


def test_a_model_of_an_earlier_release_has_a_page_that_says_what_is_missing(tmp_path: Path) -> None:
    write_curves(tmp_path, [0.7])
    made = page(tmp_path)
    assert "An earlier release trained this model" in made
    assert "Accuracy of each epoch" in made
    assert "Precision of each engine" not in made


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    training_record.write(MADE, tmp_path)
    assert training_record.read(tmp_path) == MADE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "engines": [{}]}'])
def test_another_file_in_its_place_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / training_record.FILE).write_text(text)
    with pytest.raises(
        NodeError, match=r"training\.json is no record of a training: .*Run the Trainer without the cache"
    ):
        training_record.read(tmp_path)
