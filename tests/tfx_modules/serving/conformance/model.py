"""The model that the conformance suite asks, for any server.

    .venv/tfx/bin/python -m tests.tfx_modules.serving.conformance.model FOLDER

writes it as ``FOLDER/123``, and ``FOLDER/models.config``, with which a server is then started, for it gives the version
a label. The model has the form of TensorFlow Serving's own test model ``half_plus_two``: one graph, with signatures of
every method that share their inputs.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

NAME = "conformance"
VERSION = 123
LABEL = "Version_Label"
MODEL_NAME_IN_PERCENT = "%63onformance"

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

TYPES = {
    "double": tf.float64,
    "int8": tf.int8,
    "int16": tf.int16,
    "int32": tf.int32,
    "int64": tf.int64,
    "uint8": tf.uint8,
    "flag": tf.bool,
    "text": tf.string,
}

_v1 = tf.compat.v1
_Signatures = dict[str, Any]


CONFIG = f"""
model_config_list {{
  config {{
    name: "{NAME}" base_path: "%s" model_platform: "tensorflow" version_labels {{ key: "{LABEL}" value: {VERSION} }}
  }}
}}
"""


def export(base_path: Path) -> Path:
    """Write the model under a base path; returns the configuration file that a server needs."""
    config = base_path / "models.config"
    config.write_text(CONFIG % base_path.absolute())
    folder = base_path / str(VERSION)
    with _v1.Graph().as_default(), _v1.Session() as session:
        x = _v1.placeholder(tf.float32, None, "x")
        signatures = {
            "serving_default": _signature({"x": x}, {"y": x * 0.5 + 2.0}),
            "total": _signature({"x": x}, {"total": tf.reduce_sum(x)}),
            **_of_examples(),
            **_of_several(),
            **_of_types(),
        }
        builder = _v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return config


def _signature(inputs: Mapping[str, Any], outputs: Mapping[str, Any], method: str = PREDICT) -> Any:
    infos = [
        {name: _v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
        for tensors in (inputs, outputs)
    ]
    return _v1.saved_model.build_signature_def(*infos, method)


def _of_examples() -> _Signatures:
    """Signatures that take tf.Examples: ``x`` is needed, ``count`` and ``image`` are not."""
    serialised = _v1.placeholder(tf.string, [None], "tf_example")
    features = tf.io.parse_example(
        serialised,
        {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "count": tf.io.FixedLenFeature([1], tf.int64, default_value=[0]),
            "image": tf.io.FixedLenFeature([1], tf.string, default_value=[""]),
        },
    )
    inputs = {"inputs": serialised}
    y = features["x"] * 0.5 + 2.0
    scores = tf.concat([y, -y], axis=1)
    classes = tf.tile([["half", "minus"]], [tf.shape(y)[0], 1])
    size = tf.cast(tf.strings.length(features["image"]) + tf.cast(features["count"], tf.int32), tf.float32)
    return {
        "classify_x_to_y": _signature(inputs, {"scores": y}, CLASSIFY),
        "classify_labels": _signature(inputs, {"classes": classes, "scores": scores}, CLASSIFY),
        "classify_classes_only": _signature(inputs, {"classes": classes}, CLASSIFY),
        "classify_without_outputs": _signature(inputs, {"y": y}, CLASSIFY),
        "regress_x_to_y": _signature(inputs, {"outputs": y}, REGRESS),
        "regress_flat": _signature(inputs, {"outputs": tf.squeeze(y, axis=1)}, REGRESS),
        "regress_size": _signature(inputs, {"outputs": size}, REGRESS),
        "regress_without_outputs": _signature(inputs, {"y": y}, REGRESS),
    }


def _of_several() -> _Signatures:
    tag = _v1.placeholder(tf.string, [None], "tag")
    signal = _v1.placeholder(tf.float32, [None, None], "signal")
    image = _v1.placeholder(tf.string, None, "image")
    outputs = {"tag": tf.strings.upper(tag), "sum": tf.reduce_sum(signal, axis=1)}
    scores = tf.stack([tf.cast(tf.strings.length(tag), tf.float32) / 4.0, tf.fill(tf.shape(tag), 0.5)], axis=1)
    labels = tf.tile([["long", "any"]], [tf.shape(tag)[0], 1])
    sets = {"labels": labels, "scores": scores, "chosen": scores >= 0.5}
    return {
        "label_sets": _signature({"tag": tag}, sets),
        "several": _signature({"tag": tag, "signal": signal}, outputs),
        "image": _signature({"image": image}, {"image_bytes": tf.identity(image)}),
    }


def _of_types() -> _Signatures:
    """One signature per type that gives back what it gets."""
    tensors = {name: _v1.placeholder(dtype, None, f"in_{name}") for name, dtype in TYPES.items()}
    return {f"same_{name}": _signature({name: tensor}, {name: tf.identity(tensor)}) for name, tensor in tensors.items()}


if __name__ == "__main__":
    print(export(Path(sys.argv[1])))
