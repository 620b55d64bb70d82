"""Versions of the project's own model that carry what OpenVINO needs, as the Trainer exports them."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import openvino
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.example import example_pb2

from tfx_modules.engines import description
from tfx_modules.engines.description import Description, Variant
from tfx_modules.engines.openvino_library import installed_version
from tfx_modules.model import export
from tfx_modules.model.ends import Ends
from tfx_modules.model.openvino import graph
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

LENGTHS = (8, 32)
ODD_TEXTS = (
    b"A fine film.",
    b"",
    "été 电影 😀 \u202eRTL".encode(),
    b"\xff\xfe not UTF-8 \xc3",
    b"word " * 10_000,
    b"\x00\x01\x7f",
)


def example(text: bytes) -> bytes:
    made = example_pb2.Example()
    made.features.feature["review"].bytes_list.value.append(text)
    return bytes(made.SerializeToString())


@dataclass(frozen=True)
class Exported:
    """A version's folder, made once; tests copy it."""

    folder: Path

    def publish(self, base_path: Path, version: int, *, openvino: bool = True) -> Path:
        """Copy it under a base path as the Pusher does; without what it carries for OpenVINO, if so wished."""
        base_path.mkdir(exist_ok=True)
        aside = base_path / f"copying-{version}"
        shutil.copytree(self.folder, aside)
        if not openvino:
            shutil.rmtree(aside / description.PLACE)
        return aside.rename(base_path / str(version))


def export_version(
    folder: Path,
    classifier: keras.Model,
    transform: tft.TFTransformOutput,
    encoder: EncoderSettings,
    task: TaskSettings = BINARY_SENTIMENT,
) -> Exported:
    """Export a classifier with the encoder for OpenVINO in float32, so that answers can be compared."""
    export.save(classifier, transform, encoder, str(folder), lengths=LENGTHS, task=task)
    place = folder / description.PLACE
    place.mkdir(parents=True)
    openvino.save_model(graph.build(classifier), place / "float32.xml", compress_to_fp16=False)
    Ends(transform, task).save(str(place / description.ENDS))
    description.write(Description(installed_version(), "some-v1", (Variant("float32", 1.0, 0.0),)), place)
    return Exported(folder)


def written_by(version: Path, openvino_version: str) -> None:
    """Let another OpenVINO have written what a version carries."""
    found = description.read(version)
    assert found is not None
    description.write(replace(found, openvino=openvino_version), version / description.PLACE)


class Hidden(tf.Module):  # type: ignore[misc]
    """Ends of all signatures of a binary model, of which those before the encoder read a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def save(self, folder: Path) -> None:
        signatures = {}
        for name, argument in {"serving_default": "text", "serving_examples": "examples"}.items():
            given = tf.TensorSpec([None], tf.string, argument)
            signatures[f"{name}/ids"] = tf.function(self._ids, input_signature=[given]).get_concrete_function()
        tf.saved_model.save(self, str(folder), signatures=signatures)

    def _ids(self, given: tf.Tensor) -> dict[str, tf.Tensor]:
        read = tf.strings.length(tf.raw_ops.ReadFile(filename=self._path))
        return {"ids": tf.fill([tf.size(given), 8], read)}
