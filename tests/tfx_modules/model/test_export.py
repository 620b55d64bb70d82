"""The exported model stands alone: TensorFlow and TensorFlow Text are all that it needs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.example import example_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tests.tfx_modules.conftest import small_classifier
from tfx_modules.exceptions import SettingsError
from tfx_modules.model import export, warmup_requests
from tfx_modules.model.bert_classifier import Hyperparameters, compile_classifier
from tfx_modules.promotion import manifest
from tfx_modules.serving import warmup as serving_warmup
from tfx_modules.serving.inference.classify_regress import CLASSIFY, REGRESS, Classifications, Task, conclude, prepare
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.specs import PredictCall, bytes_array
from tfx_modules.settings.settings import EncoderSettings, Precision, TrainingSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, PLACE, TaskKind, TaskSettings, of_model

# Ops of TensorFlow Text that the exported graph may have. Before another is added, look whether TF Serving links it.
ALLOWED_TEXT_OPS = {"FastWordpieceTokenizeWithOffsets", "NormalizeUTF8", "RegexSplitWithOffsets"}
# Ops of TensorFlow Text that stock TF Serving images up to 2.19 do not link.
UNSERVABLE_OPS = {"TFText>RoundRobinTrim", "TFText>Utf8Binarize"}

LENGTHS = (8, 32)
TEXTS = ["A fine film.", "Dull, and far too long!", "", "été 电影 😀"]

# Runs in a process of its own, which imports no more than a server has.
ASK = """
import json, sys
import tensorflow as tf
import tensorflow_text

folder, texts = sys.argv[1], json.loads(sys.argv[2])
before = set(sys.modules)
model = tf.saved_model.load(folder)

def example(review):
    feature = {} if review is None else {
        "review": tf.train.Feature(bytes_list=tf.train.BytesList(value=[review.encode()]))
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()

def ask(name, argument, values):
    made = model.signatures[name](**{argument: tf.constant(values, tf.string, shape=[len(values)])})
    return {"score": made["score"].numpy().tolist(), "label": [label.decode() for label in made["label"].numpy()]}

def describe(specs):
    return {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in specs.items()}

signatures = {
    name: [describe(signature.structured_input_signature[1]), describe(signature.structured_outputs)]
    for name, signature in model.signatures.items()
}
print(json.dumps({
    "signatures": signatures,
    "texts": ask("serving_default", "text", texts),
    "alone": [ask("serving_default", "text", [text])["score"][0] for text in texts],
    "examples": ask("serving_examples", "examples", [example(text) for text in texts]),
    "missing": ask("serving_examples", "examples", [example(None)]),
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
    classifier: keras.Model,
    transform: tft.TFTransformOutput,
    encoder_config: EncoderSettings,
) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "1"
    trained = keras.models.clone_model(classifier)
    compile_classifier(trained, Hyperparameters(1e-3, 0.1, 0.1), TrainingSettings(jit_compile=False), steps=10)
    export.save(trained, transform, encoder_config, str(folder), lengths=LENGTHS)
    return folder


@pytest.fixture(scope="module")
def answers(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(exported), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def test_the_signatures(answers: dict[str, Any]) -> None:
    outputs = {"score": ["float32", [None]], "label": ["string", [None]]}
    assert answers["signatures"] == {
        "serving_default": [{"text": ["string", [None]]}, outputs],
        "serving_examples": [{"examples": ["string", [None]]}, outputs],
        "classify": [
            {"inputs": ["string", [None]]},
            {"classes": ["string", [None, 2]], "scores": ["float32", [None, 2]]},
        ],
        "regress": [{"inputs": ["string", [None]]}, {"outputs": ["float32", [None]]}],
    }


def test_a_model_of_the_default_s_labels_is_saved_as_ever(exported: Path) -> None:
    assert not (exported / PLACE).exists()
    assert of_model(exported) == BINARY_SENTIMENT


TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=("billing", "fault", "שונות", 'say "so"'))


def test_a_model_of_four_classes_gives_the_label_and_all_probabilities(
    tmp_path: Path, transform: tft.TFTransformOutput, encoder_config: EncoderSettings
) -> None:
    folder = tmp_path / "1"
    four = small_classifier(dropout=0.1, outputs=4)
    export.save(four, transform, encoder_config, str(folder), lengths=LENGTHS, task=TICKETS)
    served = load_model(folder)
    assert set(served.signatures) == {"serving_default", "serving_examples", "classify"}
    assert of_model(folder) == TICKETS
    texts = bytes_array([text.encode() for text in TEXTS], (len(TEXTS),))
    found = served.predict(PredictCall("serving_default", {"text": texts}))
    assert found["scores"].shape == found["labels"].shape == (len(TEXTS), 4)
    np.testing.assert_allclose(found["scores"].sum(axis=1), 1, atol=1e-6)
    names = [label.encode() for label in TICKETS.labels]
    assert found["labels"].tolist() == [names] * len(TEXTS)
    assert found["label"].tolist() == [names[place] for place in found["scores"].argmax(axis=1)]
    np.testing.assert_allclose(found["score"], found["scores"].max(axis=1))
    task, examples = Task(CLASSIFY, "classify"), [example(text) for text in TEXTS]
    result = conclude(task, served.predict(prepare(task, served.signatures, examples)), len(examples))
    assert isinstance(result, Classifications)
    assert result.labels.tolist() == [names] * len(TEXTS)
    np.testing.assert_allclose(result.scores, found["scores"], atol=1e-5)
    used = ops(folder)
    assert not used & UNSERVABLE_OPS
    assert used - core_ops() == ALLOWED_TEXT_OPS


def test_a_model_of_label_sets_gives_all_probabilities_and_the_labels_that_a_text_has(
    tmp_path: Path, transform: tft.TFTransformOutput, encoder_config: EncoderSettings
) -> None:
    folder, task = tmp_path / "1", replace(TICKETS, kind=TaskKind.MULTILABEL, threshold=0.4)
    three = small_classifier(dropout=0.1, outputs=4)
    three.get_layer("logit").bias.assign([0.7, -0.7, -0.2, 3.0])
    export.save(three, transform, encoder_config, str(folder), lengths=LENGTHS, task=task)
    served = load_model(folder)
    assert set(served.signatures) == {"serving_default", "serving_examples", "classify"}, "Regress says nothing"
    assert of_model(folder) == task
    texts = bytes_array([text.encode() for text in TEXTS], (len(TEXTS),))
    found = served.predict(PredictCall("serving_default", {"text": texts}))
    assert set(found) == {"labels", "scores", "chosen"}
    names = [label.encode() for label in task.labels]
    assert found["labels"].tolist() == [names] * len(TEXTS)
    assert found["chosen"].dtype == np.bool_
    assert found["chosen"].tolist() == (found["scores"] >= np.float32(0.4)).tolist()
    assert (found["chosen"] & (found["scores"] < 0.5)).any(), "the threshold is the task's"
    assert found["chosen"][:, 3].all()
    assert not found["chosen"].all()
    assert (found["scores"].sum(axis=1) > 1.2).all(), "each label has a probability of its own"
    asked, examples = Task(CLASSIFY, "classify"), [example(text) for text in TEXTS]
    result = conclude(asked, served.predict(prepare(asked, served.signatures, examples)), len(examples))
    assert isinstance(result, Classifications)
    assert result.labels.tolist() == [names] * len(TEXTS)
    np.testing.assert_allclose(result.scores, found["scores"], atol=1e-5)
    used = ops(folder)
    assert not used & UNSERVABLE_OPS
    assert used - core_ops() == ALLOWED_TEXT_OPS


def test_every_text_of_a_batch_is_judged(answers: dict[str, Any]) -> None:
    scores, labels = answers["texts"]["score"], answers["texts"]["label"]
    assert len(scores) == len(TEXTS)
    assert all(0 < score < 1 for score in scores)
    assert labels == ["positive" if score >= 0.5 else "negative" for score in scores]


def test_a_texts_score_does_not_depend_on_its_batch(answers: dict[str, Any]) -> None:
    assert answers["texts"]["score"] == pytest.approx(answers["alone"], abs=1e-5)


def test_both_signatures_judge_alike(answers: dict[str, Any]) -> None:
    assert answers["examples"]["label"] == answers["texts"]["label"]
    assert answers["examples"]["score"] == pytest.approx(answers["texts"]["score"], abs=1e-6)


def test_a_missing_review_counts_as_an_empty_one(answers: dict[str, Any]) -> None:
    assert answers["missing"]["score"] == pytest.approx([answers["alone"][TEXTS.index("")]], abs=1e-6)


def test_a_server_classifies_and_regresses_with_it(exported: Path, answers: dict[str, Any]) -> None:
    served, examples = load_model(exported), [example(text) for text in TEXTS]
    for task in (Task(CLASSIFY, "classify"), Task(REGRESS, "regress")):
        result = conclude(task, served.predict(prepare(task, served.signatures, examples)), len(examples))
        if isinstance(result, Classifications):
            assert result.labels.tolist() == [[b"negative", b"positive"]] * len(TEXTS)
            np.testing.assert_allclose(result.scores.sum(axis=1), 1, atol=1e-6)
            np.testing.assert_allclose(result.scores[:, 1], answers["texts"]["score"], atol=1e-5)
        else:
            np.testing.assert_allclose(result.values, answers["texts"]["score"], atol=1e-5)


def example(review: str) -> bytes:
    made = example_pb2.Example()
    made.features.feature["review"].bytes_list.value.append(review.encode())
    serialised: bytes = made.SerializeToString()
    return serialised


def test_loading_needs_nothing_of_the_pipeline(answers: dict[str, Any]) -> None:
    pipeline = {"tfx", "tfx_modules", "tensorflow_transform", "tensorflow_model_analysis", "keras_hub", "apache_beam"}
    assert not pipeline & set(answers["modules"])


def ops(exported: Path) -> set[str]:
    """Names of all ops of the graph and of its functions."""
    saved = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (meta,) = saved.meta_graphs
    functions = meta.graph_def.library.function
    named = {node.op for node in meta.graph_def.node} | {node.op for item in functions for node in item.node_def}
    return named - {item.signature.name for item in functions}


def core_ops() -> set[str]:
    """Names of the ops of a TensorFlow that has loaded no other library."""
    code = (
        "import json\nimport tensorflow\n"
        "from tensorflow.core.framework import op_def_pb2\n"
        "from tensorflow.python.client import pywrap_tf_session as s\n"
        "buffer = s.TF_GetAllOpList()\n"
        "names = [op.name for op in op_def_pb2.OpList.FromString(s.TF_GetBuffer(buffer)).op]\n"
        "print(json.dumps(names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_stock_server_has_all_ops_of_the_graph(exported: Path) -> None:
    used = ops(exported)
    assert not used & UNSERVABLE_OPS
    assert used - core_ops() == ALLOWED_TEXT_OPS


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_optimizers_state_stays_behind(exported: Path, classifier: keras.Model) -> None:
    words = max(variable.numpy().nbytes for variable in classifier.variables)
    assert size(exported / "variables") < 1.1 * words  # the other weights are constants of the graph


def test_in_lower_precision_it_says_nearly_the_same_with_half_the_bytes_for_each_weight(
    tmp_path: Path, classifier: keras.Model, transform: tft.TFTransformOutput, encoder_config: EncoderSettings
) -> None:
    call = PredictCall("serving_default", {"text": bytes_array([text.encode() for text in TEXTS], (len(TEXTS),))})
    sizes, scores = {}, {}
    for precision in (Precision.FLOAT32, Precision.BFLOAT16):
        folder = tmp_path / precision.value
        export.save(classifier, transform, encoder_config, str(folder), lengths=LENGTHS, precision=precision)
        sizes[precision], scores[precision] = size(folder), load_model(folder).predict(call)["score"]
        assert scores[precision].dtype == np.float32
    np.testing.assert_allclose(scores[Precision.BFLOAT16], scores[Precision.FLOAT32], atol=0.01)
    weights = sum(variable.numpy().nbytes for variable in classifier.variables)
    # Were they there more than once, more would be saved.
    assert 0.4 < (sizes[Precision.FLOAT32] - sizes[Precision.BFLOAT16]) / weights < 0.6


def test_a_graph_of_another_input_length_is_refused(
    tmp_path: Path, classifier: keras.Model, transform: tft.TFTransformOutput, encoder_config: EncoderSettings
) -> None:
    other = replace(encoder_config, max_tokens=16)
    with pytest.raises(SettingsError, match=r"graph gives 32 tokens; allowed: .*settings, 16\. Run Transform again"):
        export.save(classifier, transform, other, str(tmp_path / "1"), lengths=(16,))


def requests(exported: Path) -> list[Any]:
    records = tf.data.TFRecordDataset(str(exported / warmup_requests.FOLDER / warmup_requests.FILE)).as_numpy_iterator()
    return [PredictionLog.FromString(record).predict_log.request for record in records]


def test_it_brings_along_a_request_of_each_length_to_warm_up_with(
    exported: Path, classifier: keras.Model, transform: tft.TFTransformOutput
) -> None:
    assert {request.model_spec.signature_name for request in requests(exported)} == {"serving_default"}
    texts = [tf.make_ndarray(request.inputs["text"]) for request in requests(exported)]
    assert [text.shape for text in texts] == [(1,)] * len(LENGTHS)
    ids = export.ServableSentiment(classifier, transform).ends.token_ids(tf.constant([text[0] for text in texts]))
    assert tf.math.count_nonzero(ids, axis=1).numpy().tolist() == list(LENGTHS)


def test_a_server_warms_up_with_them(exported: Path) -> None:
    assert f"{warmup_requests.FOLDER}/{warmup_requests.FILE}" == serving_warmup.PLACE
    assert serving_warmup.warm_up(load_model(exported), exported) == len(LENGTHS)


def test_the_same_lengths_give_the_same_bytes_in_the_manifest(exported: Path, tmp_path: Path) -> None:
    code = (
        "import sys; import tensorflow as tf; from tfx_modules.model import warmup_requests\n"
        "ids = lambda texts: tf.strings.split('[CLS] ' + texts + ' [SEP]').to_tensor(shape=[None, 32])\n"
        "warmup_requests.write(sys.argv[1], signature='serving_default', argument='text', lengths=(8, 32),\n"
        "    token_ids=lambda texts: tf.cast(ids(texts) != '', tf.int64))"
    )
    listed = manifest.describe(exported).files[serving_warmup.PLACE]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment, timeout=120)
        assert manifest.describe(tmp_path / seed).files[serving_warmup.PLACE] == listed


def test_a_length_that_the_model_cannot_have_is_refused(
    tmp_path: Path, classifier: keras.Model, transform: tft.TFTransformOutput, encoder_config: EncoderSettings
) -> None:
    with pytest.raises(SettingsError, match=r"cuts texts of \[8, 64\] WordPieces to \[8, 32\]; allowed: training\."):
        export.save(classifier, transform, encoder_config, str(tmp_path / "1"), lengths=(8, 64))
