"""A SavedModel that could do more than compute is refused before anything of it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from tests.tfx_modules.serving.conformance import model as conformance
from tfx_modules.serving.exceptions import ForbiddenOpError
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.models.side_effects import RESTORING, SAVING, TEXT_TABLES, only_computes
from tfx_modules.serving.specs import PredictCall, bytes_array

TEXT = tf.TensorSpec([None], tf.string, "text")

_v1: Any = tf.compat.v1
raw = tf.raw_ops

Body = Callable[[tf.Tensor, str], tf.Tensor]  # gets the texts and a path; returns what is the output


def save(folder: Path, body: Body, path: str) -> Path:
    """Export a model whose signature computes ``body``."""

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[TEXT])  # type: ignore[untyped-decorator]
        def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"out": body(text, path)}

    made = Model()
    tf.saved_model.save(made, str(folder), signatures=made.answer)
    return folder


def _write(text: tf.Tensor, path: str) -> tf.Tensor:
    with tf.control_dependencies([raw.WriteFile(filename=path, contents=text[0])]):
        return tf.identity(text)


def _in_a_loop(text: tf.Tensor, path: str) -> tf.Tensor:
    return tf.map_fn(lambda _: raw.ReadFile(filename=path), text)


def _in_a_branch(text: tf.Tensor, path: str) -> tf.Tensor:
    return tf.cond(tf.size(text) > 100, lambda: raw.ReadFile(filename=path), lambda: text[0])


def _print(text: tf.Tensor, path: str) -> tf.Tensor:
    with tf.control_dependencies([tf.print(text, output_stream=f"file://{path}")]):
        return tf.identity(text)


def _save_checkpoint(text: tf.Tensor, path: str) -> tf.Tensor:
    saved = raw.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[text])
    with tf.control_dependencies([saved]):
        return tf.identity(text)


def _dataset(text: tf.Tensor, path: str) -> tf.Tensor:
    del text
    lines = raw.TextLineDataset(filenames=[path], compression_type="", buffer_size=0)
    return raw.DatasetToSingleElement(dataset=lines, output_types=[tf.string], output_shapes=[[]])[0]


BODIES: dict[str, Body] = {
    "ReadFile": lambda _, path: raw.ReadFile(filename=path),
    "WriteFile": _write,
    "MatchingFiles": lambda _, path: raw.MatchingFiles(pattern=path),
    "ReadFile in a loop": _in_a_loop,
    "ReadFile in a branch": _in_a_branch,
    "PrintV2": _print,
    "SaveV2": _save_checkpoint,
    "RestoreV2": lambda _, path: raw.RestoreV2(
        prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string]
    )[0],
    "EagerPyFunc": lambda text, _: tf.py_function(lambda value: value, [text], tf.string),
    "PyFunc": lambda text, _: tf.numpy_function(lambda value: value, [text], tf.string),
    "TextLineDataset": _dataset,
    "ImmutableConst": lambda _, path: raw.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name=path),
    "DecodeProtoV2": lambda text, path: raw.DecodeProtoV2(
        bytes=text,
        message_type="a.B",
        field_names=["c"],
        output_types=[tf.string],
        descriptor_source=path,
        message_format="binary",
        sanitize=False,
    ).values[0],
    "DebugIdentity": lambda text, path: raw.DebugIdentity(input=text, debug_urls=[f"file://{path}"]),
    "Abort": lambda text, _: _after(raw.Abort(), text),
    "GenerateVocabRemapping": lambda _, path: (
        raw.GenerateVocabRemapping(
            new_vocab_file=path, old_vocab_file=path, new_vocab_offset=0, num_new_vocab=1
        ).remapping
    ),
}


def _after(operation: Any, text: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([operation] if operation is not None else []):
        return tf.identity(text)


@pytest.mark.parametrize("kind", BODIES)
def test_a_signature_that_could_do_more_than_compute_is_refused(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    folder = save(tmp_path / "1", BODIES[kind], str(secret))
    op = kind.split()[0]
    with pytest.raises(ForbiddenOpError) as caught:
        load_model(folder)
    assert f"has the op {op}, which" in str(caught.value)
    assert "start the server with --allow_side_effect_ops" in str(caught.value)
    assert not secret.exists()


def test_the_refusal_names_op_node_and_function(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", BODIES["ReadFile"], "/etc/hostname")
    with pytest.raises(
        ForbiddenOpError,
        match=r"cannot load .*: node 'ReadFile' of function '__inference_\w+' has the op ReadFile, which may read or "
        r"write files, run code, end the process or reach other machines: allowed are ops that only compute\. Export "
        r"the model without it, or, if you trust whoever made it, start the server with --allow_side_effect_ops\.",
    ):
        load_model(folder)


def test_a_flag_lets_such_a_model_through(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    folder = save(tmp_path / "1", BODIES["ReadFile"], str(tmp_path / "file"))
    model = load_model(folder, allow_side_effect_ops=True)
    call = PredictCall("serving_default", {"text": bytes_array([b"x"], (1,))})
    assert model.predict(call)["out"].tolist() == b"content"


class WithVocabulary(tf.Module):  # type: ignore[misc]
    """Looks words up in a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        source = tf.lookup.TextFileInitializer(
            str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(source, -1)
        self.bias = tf.Variable(1, dtype=tf.int64)

    @tf.function(input_signature=[TEXT])  # type: ignore[untyped-decorator]
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": self.table.lookup(text) + self.bias}


@pytest.fixture
def with_vocabulary(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text("good\nbad\n")
    made = WithVocabulary(tmp_path / "words")
    tf.saved_model.save(made, str(tmp_path / "1"), signatures=made.answer)
    (tmp_path / "words").unlink()
    return tmp_path / "1"


def change(folder: Path, alter: Callable[[Any], None]) -> None:
    file = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    alter(saved.meta_graphs[0])
    file.write_bytes(saved.SerializeToString())


def test_a_vocabulary_among_the_assets_and_variables_are_read(with_vocabulary: Path) -> None:
    call = PredictCall("serving_default", {"text": bytes_array([b"bad", b"ugly"], (2,))})
    np.testing.assert_array_equal(load_model(with_vocabulary).predict(call)["out"], [2, 0])


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "a/../../../secret"])
def test_an_asset_outside_of_the_model_is_refused(with_vocabulary: Path, name: str) -> None:
    def alter(graph: Any) -> None:
        graph.asset_file_def[0].filename = name

    change(with_vocabulary, alter)
    with pytest.raises(ForbiddenOpError, match=r"its asset .* leads out of the folder; allowed are files in"):
        load_model(with_vocabulary)


def test_so_is_one_that_is_a_link_to_the_outside(with_vocabulary: Path) -> None:
    asset = with_vocabulary / "assets" / "words"
    asset.unlink()
    asset.symlink_to("/etc/hostname")
    with pytest.raises(ForbiddenOpError, match="its asset 'words' leads out of the folder"):
        load_model(with_vocabulary)


def test_a_vocabulary_whose_path_is_in_the_graph_is_refused(with_vocabulary: Path) -> None:
    """The asset's tensor is told the path; without it, the path that the graph has is read."""

    def alter(graph: Any) -> None:
        del graph.asset_file_def[:]

    change(with_vocabulary, alter)
    with pytest.raises(ForbiddenOpError, match="FromTextFileV2, which reads a file: allowed is an asset"):
        load_model(with_vocabulary)


def test_a_vocabulary_whose_path_is_assigned_by_others_too_is_refused(with_vocabulary: Path) -> None:
    def alter(graph: Any) -> None:
        assign = next(node for node in graph.graph_def.node if node.name == "Variable/Assign")
        other = graph.graph_def.node.add(name="other", op="Const")
        other.attr["dtype"].type = tf.string.as_datatype_enum
        other.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/hostname"))
        again = graph.graph_def.node.add()
        again.CopyFrom(assign)
        again.name, again.input[1] = "again", "other"

    change(with_vocabulary, alter)
    with pytest.raises(ForbiddenOpError, match="FromTextFileV2, which reads a file: allowed is an asset"):
        load_model(with_vocabulary)


def test_a_restore_from_another_file_than_the_models_checkpoint_is_refused(with_vocabulary: Path) -> None:
    def alter(graph: Any) -> None:
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "RestoreV2":
                    other = function.node_def.add(name="other", op="Const")
                    other.attr["dtype"].type = tf.string.as_datatype_enum
                    other.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/another/model/variables/variables"))
                    node.input[0] = "other:output:0"

    change(with_vocabulary, alter)
    with pytest.raises(ForbiddenOpError, match="RestoreV2, which reads a file: allowed is the model's own checkpoint"):
        load_model(with_vocabulary)


def test_a_signature_that_runs_the_saver_is_refused(with_vocabulary: Path) -> None:
    """Its file would be the client's to choose."""

    def alter(graph: Any) -> None:
        signature = graph.signature_def["serving_default"]
        signature.inputs["file"].name = graph.saver_def.filename_tensor_name
        signature.inputs["file"].dtype = tf.string.as_datatype_enum
        signature.outputs["saved"].name = graph.saver_def.save_tensor_name
        signature.outputs["saved"].dtype = tf.string.as_datatype_enum

    change(with_vocabulary, alter)
    with pytest.raises(
        ForbiddenOpError, match=r"(MergeV2Checkpoints|SaveV2), which writes files: allowed is what only"
    ):
        load_model(with_vocabulary)


def test_what_runs_at_load_is_checked_too(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    with _v1.Graph().as_default(), _v1.Session() as session:
        x = _v1.placeholder(tf.float32, None, "x")
        info = _v1.saved_model.build_tensor_info
        signature = _v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(x + 1.0)}, conformance.PREDICT)
        main_op = raw.WriteFile(filename=str(tmp_path / "written"), contents="x")
        builder = _v1.saved_model.Builder(str(folder))
        signatures = {"serving_default": signature}
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures, main_op=main_op)
        builder.save()
    with pytest.raises(ForbiddenOpError, match="node 'WriteFile' of its graph has the op WriteFile"):
        load_model(folder)
    assert not (tmp_path / "written").exists()


def test_models_of_tensorflow_1_with_variables_and_vocabularies_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("good\nbad\n")
    folder = tmp_path / "1"
    with _v1.Graph().as_default(), _v1.Session() as session:
        text = _v1.placeholder(tf.string, [None], "text")
        asset = tf.constant(str(tmp_path / "words"))
        _v1.add_to_collection(_v1.GraphKeys.ASSET_FILEPATHS, asset)
        source = _v1.lookup.TextFileInitializer(asset, tf.string, -2, tf.int64, -1)
        table = _v1.lookup.StaticHashTable(source, -1)
        bias = _v1.get_variable("bias", initializer=tf.constant(1, tf.int64), use_resource=False)
        out = table.lookup(text) + bias
        session.run([_v1.global_variables_initializer(), _v1.tables_initializer()])
        info = _v1.saved_model.build_tensor_info
        signature = _v1.saved_model.build_signature_def({"text": info(text)}, {"out": info(out)}, conformance.PREDICT)
        builder = _v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"serving_default": signature},
            assets_collection=_v1.get_collection(_v1.GraphKeys.ASSET_FILEPATHS),
            main_op=_v1.tables_initializer(),
        )
        builder.save()
    call = PredictCall("serving_default", {"text": bytes_array([b"bad"], (1,))})
    assert load_model(folder).predict(call)["out"].tolist() == [2]


def test_the_conformance_suites_model_needs_no_flag(tmp_path: Path) -> None:
    conformance.export(tmp_path)
    load_model(tmp_path / str(conformance.VERSION))


def test_every_op_with_an_input_or_attribute_like_a_file_or_an_address_is_refused() -> None:
    listed = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    words = ("file", "path", "url", "director", "descriptor_source", "memory_region", "address", "checkpoint", "ckpt")
    found = {
        op.name
        for op in op_def_pb2.OpList.FromString(listed).op
        for part in (*op.input_arg, *op.attr)
        if any(word in part.name for word in words)
    }
    assert {"ReadFile", "WriteFile", "TFRecordDataset", "ImmutableConst"} <= found
    known = SAVING | RESTORING | TEXT_TABLES | {"DecodeProtoV2", "EncodeProto"}  # these are looked at more closely
    allowed = {name for name in found - known if only_computes(tf.compat.v1.NodeDef(op=name))}
    assert allowed == {"CTCBeamSearchDecoder"}  # its "top_paths" are sequences
