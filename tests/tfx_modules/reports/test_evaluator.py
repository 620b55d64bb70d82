"""The page of an evaluation, from files as TFMA writes them."""

from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.json_format import MessageToJson
from google.protobuf.text_format import Parse
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2

from tests.tfx_modules.evaluation.test_tfma_summary import metric, write
from tests.tfx_modules.reports.made_up import Made, folder, record
from tfx_modules.evaluation.eval_config import eval_config
from tfx_modules.reports import evaluation, evaluator
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import PLACE, TaskKind, TaskSettings, to_json

OURS, THEIRS = f'model_name: "{tfma.CANDIDATE_KEY}"', f'model_name: "{tfma.BASELINE_KEY}"'
CONFUSION = (
    "metric_keys_and_values { key { name: 'confusion_matrix_at_thresholds' model_name: 'candidate' } value { "
    "confusion_matrix_at_thresholds { matrices { threshold: 0.5 true_negatives: 320 false_positives: 30 "
    "false_negatives: 35 true_positives: 315 } } } }"
)
ALL = "".join(
    [
        metric("binary_accuracy", 0.91, OURS),
        metric("binary_accuracy", 0.8, THEIRS),
        metric("binary_accuracy", 0.11, f"{OURS} is_diff: true"),
        metric("auc", 0.967, OURS),
        metric("auc", float("nan"), THEIRS),
        metric("example_count", 700, OURS),
        CONFUSION,
    ]
)
SHORT = "slice_key {{ single_slice_keys {{ column: 'length' bytes_value: 'short' }} }} {}".format(
    metric("binary_accuracy", 0.9, OURS)
)
POSITIVE = "slice_key {{ single_slice_keys {{ column: 'label' int64_value: 1 }} }} {} {}".format(
    metric("binary_accuracy", 0.9, OURS), metric("auc", 0.0, OURS)
)
PLOT = (
    "slice_key {} plot_keys_and_values { key { model_name: 'candidate' } value { calibration_histogram_buckets { "
    "buckets { lower_threshold_inclusive: -inf upper_threshold_exclusive: 0 num_weighted_examples { value: 0 } "
    "total_weighted_label { value: 0 } total_weighted_refined_prediction { value: 0 } } "
    "buckets { lower_threshold_inclusive: 0.2 upper_threshold_exclusive: 0.3 num_weighted_examples { value: 40 } "
    "total_weighted_label { value: 10 } total_weighted_refined_prediction { value: 9 } } "
    "buckets { lower_threshold_inclusive: 1 upper_threshold_exclusive: inf num_weighted_examples { value: 2 } "
    "total_weighted_label { value: 2 } total_weighted_refined_prediction { value: 2 } } } } }"
)


def with_config(place: Path, config: config_pb2.EvalConfig) -> None:
    run = config_pb2.EvalRun(eval_config=config, version="0.48.0")
    (place / "eval_config.json").write_text(MessageToJson(run))


def written(
    place: Path, metrics: tuple[str, ...], plots: tuple[str, ...] = (), result: str = "validation_ok: true"
) -> str:
    write(place, result, metrics)
    if plots:
        with tf.io.TFRecordWriter(str(place / "plots-00000-of-00001.tfrecord")) as writer:
            for text in plots:
                writer.write(Parse(text, metrics_for_slice_pb2.PlotsForSlice()).SerializeToString())
    return str(place)


def page(place: str, *, blessed: int | None = 1, model: Path | None = None) -> str:
    properties = {} if blessed is None else {"blessed": blessed}
    outputs = {"evaluation": Made(place), "blessing": Made("", properties)}
    return evaluator.render(record(outputs, {"model": Made(str(model))} if model else {}))


def test_metrics_are_beside_those_of_the_model_in_service(tmp_path: Path) -> None:
    with_config(tmp_path, eval_config(GateSettings()))
    made = page(written(tmp_path, (SHORT, ALL, POSITIVE), (PLOT,)))
    assert "&#10004; Blessed" in made
    assert "accuracy 0.910, AUC 0.967" in made
    assert "the eval split, 700 labelled examples" in made
    for cell in ("<div>0.910</div>", "<div>0.800</div>", "<div>+0.110</div>"):
        assert cell in made
    assert made.index("<div>all examples</div>") < made.index("<div>label = positive</div>")
    assert made.index("<div>label = positive</div>") < made.index("<div>length = short</div>")
    assert "<span>315</span> <small>90.0%</small>" in made
    assert "Calibration of positive" in made
    assert "<div>0.2 to 0.3</div>" in made
    assert ">40<" in made
    assert "<div>0.250</div>" in made, "10 of 40 are positive"
    assert "nan" not in made


def test_the_auc_of_a_slice_of_one_label_is_not_shown(tmp_path: Path) -> None:
    with_config(tmp_path, eval_config(GateSettings()))
    made = page(written(tmp_path, (ALL, POSITIVE)))
    row = made[made.index("<div>label = positive</div>") :].partition("</tr>")[0]
    assert "0.900" in row
    assert 'data-label="AUC" class="number"><div>\N{EN DASH}</div>' in row


def test_of_hundreds_of_slices_the_page_has_the_first(tmp_path: Path) -> None:
    with_config(tmp_path, eval_config(GateSettings()))
    slices = tuple(SHORT.replace("'short'", f"'word {number:04}'") for number in range(600))
    made = page(written(tmp_path, (ALL, *slices)))
    assert "<div>length = word 0498</div>" in made
    assert "<div>length = word 0499</div>" not in made
    assert made.count("<p>101 further are not shown.</p>") == 2, "below the table and below the numbers of the picture"
    assert "Accuracy by slice; 561 further are not shown" in made
    assert len(made) < 400_000


@pytest.mark.parametrize(
    ("blessed", "result", "banner"),
    [
        (0, "missing_slices { feature_keys: 'question' }", "&#10006; Not blessed</strong> <span>no examples in slice"),
        (None, "validation_ok: true", "&#9679; Not judged</strong> <span>The evaluation has no thresholds."),
    ],
)
def test_what_was_not_blessed_says_why(tmp_path: Path, blessed: int | None, result: str, banner: str) -> None:
    made = page(written(tmp_path, (metric("binary_accuracy", 0.5),), result=result), blessed=blessed)
    assert banner in made
    assert "nothing: no model of these labels was in service" in made
    assert "Calibration of" not in made


def test_labels_are_those_of_the_model(tmp_path: Path) -> None:
    task = TaskSettings(kind=TaskKind.MULTICLASS, labels=("<b>Rechnung</b>", "Störung", "שונות"))
    model = folder(tmp_path, "model")
    place = model / "Format-Serving" / PLACE
    place.parent.mkdir(parents=True)
    place.write_text(to_json(task), encoding="utf-8")
    matrix = "".join(
        f"entries {{ actual_class_id: {n} predicted_class_id: {m} num_weighted_examples: {10 * n + m} }} "
        for n in range(3)
        for m in range(3)
    )
    confusion = (
        "metric_keys_and_values { key { name: 'multi_class_confusion_matrix_at_thresholds' } value { "
        f"multi_class_confusion_matrix_at_thresholds {{ matrices {{ threshold: 0 {matrix} }} }} }} }}"
    )
    recall = metric("recall", 0.75, "sub_key { class_id { value: 1 } }")
    mean = metric("recall", 0.5, "aggregation_type { macro_average: true }")
    evaluated = folder(tmp_path, "evaluation")
    with_config(evaluated, eval_config(GateSettings(), task))
    found = written(evaluated, (f"{confusion} {recall} {mean}",))
    made = page(found, model=model)
    assert "<b>" not in made
    assert "&lt;b&gt;Rechnung&lt;/b&gt;" in made
    assert "<div>Störung</div>" in made
    assert "recall, mean of the labels" in made
    assert made.count('<th scope="col" class="number">שונות</th>') == 1
    (everything,) = evaluation.read(found, evaluation.Labels(task.classes))
    assert everything.candidate.confusion is not None
    assert everything.candidate.confusion.counts == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]


def test_classes_of_a_model_that_is_not_ours_have_numbers(tmp_path: Path) -> None:
    config = config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec(label_key="tips", prediction_key="")])
    with_config(tmp_path, config)
    labels = evaluation.labels_of(written(tmp_path, (ALL,)), TaskSettings())
    assert (labels.name(0), labels.positive) == ("class 0", "class 1")
