"""A SavedModel: what it can be asked, and what it refuses."""

import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.tfx_modules.serving.exported_models import Publish
from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import DeadlineError, InvalidRequestError, ModelLoadError, SignatureNotFoundError
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.specs import PredictCall, TensorInfo, TimeLimit, bytes_array


def texts(*values: bytes) -> dict[str, np.ndarray]:
    return {"text": bytes_array(list(values), (len(values),))}


def test_signatures_tell_types_and_shapes(served_model: ServedModel) -> None:
    signature = served_model.signature("arithmetic")
    assert signature.inputs == {"a": TensorInfo("DT_FLOAT", (None, 2)), "b": TensorInfo("DT_INT32", (None,))}
    assert signature.outputs["even"] == TensorInfo("DT_BOOL", (None,))
    assert "__saved_model_init_op" not in served_model.signatures


def test_it_answers_in_arrays(served_model: ServedModel) -> None:
    outputs = served_model.predict(PredictCall("serving_default", texts(b"a good one", b"\x00bad\x00")))
    assert outputs["label"].tolist() == [b"positive", b"negative"]
    np.testing.assert_allclose(outputs["score"], [0.9, 0.1])


def test_no_texts_give_no_answers(served_model: ServedModel) -> None:
    assert served_model.predict(PredictCall("serving_default", texts()))["label"].shape == (0,)


def test_only_the_outputs_that_are_wanted_are_given(served_model: ServedModel) -> None:
    outputs = served_model.predict(PredictCall("serving_default", texts(b"good"), output_filter=("score",)))
    assert list(outputs) == ["score"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (PredictCall("serving_default", {}), r"Missing but required: \{text\}"),
        (PredictCall("serving_default", {**texts(b"a"), "more": np.zeros(1)}), r"Sent extra: \{more\}"),
        (PredictCall("serving_default", {"text": bytes_array([b"a"], (1, 1))}), r"shape \[1, 1\].*DT_STRING \[\?\]"),
        (PredictCall("serving_default", texts(b"a"), ("scores",)), "alias not found in signature: scores"),
        (PredictCall("serving_default", texts(b"a"), ("score", "score")), "duplicate output tensor alias"),
        (PredictCall("not_empty", texts(b"a", b"")), "rejects the input: .*a review may not be empty"),
        (
            PredictCall("serving_examples", {"examples": bytes_array([b"no proto"], (1,))}),
            "Could not parse example input, value: 'no proto'",
        ),
        (  # TensorFlow's reason quotes it, and is no UTF-8 then
            PredictCall("serving_examples", {"examples": bytes_array([b"two\nlines \x80"], (1,))}),
            r"Could not parse example input, value: 'two lines \\x80'",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_refused(served_model: ServedModel, call: PredictCall, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        served_model.predict(call)


def test_an_unknown_signature_is_refused_with_those_that_there_are(served_model: ServedModel) -> None:
    with pytest.raises(SignatureNotFoundError, match='"regress" not found; the model has arithmetic, as_bytes'):
        served_model.signature("regress")


def test_a_folder_without_a_model_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=f"cannot load {tmp_path}"):
        load_model(tmp_path)


def test_a_model_without_signatures_cannot_be_served(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ModelLoadError, match="it has no signatures; export with signatures"):
        load_model(tmp_path)


def test_a_signature_with_a_tensor_that_the_graph_lacks_is_an_error_of_the_model(
    tmp_path: Path, publish: Publish
) -> None:
    definition = publish(tmp_path, 1) / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(definition.read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].outputs["label"].name = "nowhere:0"
    definition.write_bytes(saved.SerializeToString())
    with pytest.raises(ModelLoadError, match=r"cannot load .*nowhere"):
        load_model(tmp_path / "1")


def test_a_model_with_one_changed_byte_is_not_loaded(tmp_path: Path, publish: Publish) -> None:
    folder = publish(tmp_path, 1)
    manifest.write(folder)
    load_model(folder)
    weights = next((folder / "variables").glob("*.data-*"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    with pytest.raises(ModelLoadError, match=r"is not the model that its manifest lists: variables/.* \(changed\)"):
        load_model(folder)


def test_a_computation_ends_when_its_time_is_over(served_model: ServedModel) -> None:
    endless = PredictCall("slow", {"rounds": np.array([10**9], dtype=np.int32)})
    with pytest.raises(DeadlineError, match=r"'slow' was ended after 0\.2 s, when the request's time was over"):
        served_model.predict(endless, TimeLimit(seconds=0.2))
    with pytest.raises(DeadlineError, match="was over before signature 'slow' was begun"):
        served_model.predict(endless, TimeLimit(deadline=time.monotonic()))
