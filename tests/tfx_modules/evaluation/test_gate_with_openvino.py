"""The gate scores a candidate that carries an encoder for OpenVINO by what OpenVINO answers, and says so."""

from pathlib import Path

import numpy as np
import openvino
import pytest
import tensorflow as tf
from openvino import opset13 as op

from tests.tfx_modules.promotion.numbered import TEXT, export, reviews
from tfx_modules.engines import description
from tfx_modules.engines.description import Description, Variant
from tfx_modules.engines.openvino_library import installed_version
from tfx_modules.evaluation import promotion_gate
from tfx_modules.promotion.promoter import Champion
from tfx_modules.settings.gate import GateSettings

SETS = (reviews(200), reviews(200, "the eval split", start=1000))
SCORED = "; the candidate was scored as it is served, with OpenVINO (int8)"
WRONG_IN_TENSORFLOW = (0, 80)


class TwoEnds(tf.Module):  # type: ignore[misc]
    """A good review's first id is 2, and a bad one's is 1."""

    def ids(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        is_good = tf.cast(tf.strings.regex_full_match(text, "good.*"), tf.int32)
        return {"ids": tf.stack([is_good + 1, tf.ones_like(is_good)], axis=1)}

    def outputs(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.sigmoid(logits)}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that has 80 reviews wrong in TensorFlow, and none in OpenVINO."""
    folder = export(tmp_path_factory.mktemp("with-openvino") / "model", WRONG_IN_TENSORFLOW)
    place = folder / description.PLACE
    place.mkdir(parents=True)
    ids = op.parameter([-1, -1], np.int32, name="ids")
    first = op.gather(ids, op.constant(np.int64(0)), op.constant(np.int64(1)))
    logits = op.subtract(op.convert(first, np.float32), op.constant(np.float32(1.5)))
    openvino.save_model(openvino.Model([op.result(logits)], [ids], "numbered"), place / "int8.xml")
    ends, given = TwoEnds(), tf.TensorSpec([None], tf.float32, "logits")
    signatures = {
        "serving_default/ids": tf.function(ends.ids).get_concrete_function(TEXT),
        "serving_default/outputs": tf.function(ends.outputs).get_concrete_function(given),
    }
    tf.saved_model.save(ends, str(place / description.ENDS), signatures=signatures)
    description.write(Description(installed_version(), "some-v1", (Variant("int8", 1.0, 0.0),)), place)
    return folder


def test_a_first_model_is_judged_by_what_openvino_answers(version: Path) -> None:
    found = promotion_gate.make_judge(version, SETS, GateSettings())(None)
    assert found.passed
    assert found.reason == (f"accuracy 1.000 on sample-v1, 1.000 on the eval split, judged by the floors alone{SCORED}")
    assert (found.metrics["engine"], found.metrics["precision"]) == ("openvino", "int8")


def test_a_champion_without_files_for_openvino_is_scored_with_tensorflow(version: Path, tmp_path: Path) -> None:
    champion = Champion(2026110301, export(tmp_path / "champion", WRONG_IN_TENSORFLOW))
    found = promotion_gate.make_judge(version, SETS, GateSettings())(champion)
    assert [one["verdict"] for one in found.metrics["sets"]] == ["better", "no difference"]
    assert found.reason.endswith(SCORED)
