"""What a model must reach to be blessed, and on which slices it is measured."""

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_modules.evaluation import eval_config
from tfx_modules.settings.gate import GateSettings


@pytest.fixture
def config() -> config_pb2.EvalConfig:
    return eval_config.eval_config(GateSettings(accuracy_floor=0.8))


def thresholds(config: config_pb2.EvalConfig) -> dict[str, config_pb2.MetricThreshold]:
    metrics = [metric for spec in config.metrics_specs for metric in spec.metrics]
    gated = [(metric.class_name, item) for metric in metrics for item in metric.per_slice_thresholds]
    assert all(list(item.slicing_specs) == [config_pb2.SlicingSpec()] for _, item in gated)  # all examples, no slice
    return {name: item.threshold for name, item in gated}


def test_accuracy_and_auc_are_gated(config: config_pb2.EvalConfig) -> None:
    assert list(thresholds(config)) == [eval_config.ACCURACY, eval_config.AUC]


def test_scores_that_say_nothing_are_not_blessed(config: config_pb2.EvalConfig) -> None:
    assert thresholds(config)[eval_config.AUC].value_threshold.lower_bound.value == 0.5, "TFMA asks for more than that"


def test_accuracy_must_reach_the_floor(config: config_pb2.EvalConfig) -> None:
    bound = thresholds(config)[eval_config.ACCURACY].value_threshold.lower_bound.value
    assert bound == pytest.approx(0.8, abs=1e-6)
    assert bound < 0.8, "an accuracy equal to the floor is good enough"


def test_the_champion_has_no_say_here(config: config_pb2.EvalConfig) -> None:
    assert not any(threshold.HasField("change_threshold") for threshold in thresholds(config).values())


def test_the_slices(config: config_pb2.EvalConfig) -> None:
    slices = [tuple(spec.feature_keys) for spec in config.slicing_specs]
    assert slices == [(), ("label",), ("length",), ("question",)]


def test_the_model_is_asked_through_its_signature_for_examples(config: config_pb2.EvalConfig) -> None:
    (spec,) = config.model_specs
    assert (spec.signature_name, spec.label_key, spec.prediction_key) == ("serving_examples", "label", "score")


def test_tfma_accepts_the_config(config: config_pb2.EvalConfig) -> None:
    tfma.utils.verify_eval_config(config)
    tfma.utils.verify_eval_config(config, baseline_required=False)
