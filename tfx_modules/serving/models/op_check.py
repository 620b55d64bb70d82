"""Refuses a SavedModel whose graph could do more than compute, before anything of it runs.

Loading runs a part of the graph already: the saver's restore op, and the op that initialises tables. Requests run what
the signatures name. Nothing else can be asked for. So the ops of every node count, of functions too; of those that deal
with files, it counts who runs them and where the file's name comes from:

- Checkpoints are read by the saver alone, from the file that TensorFlow tells it.
- Checkpoints are never written.
- Vocabularies are read by the initialisation alone, from the SavedModel's own assets.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfx_modules.serving.exceptions import ForbiddenOpError
from tfx_modules.serving.models.graph import Body, ModelGraph
from tfx_modules.serving.models.side_effects import RESTORING, SAVING, TEXT_TABLES, only_computes

FLAG = "--allow_side_effect_ops"
_INTERNAL = "__saved_model_"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_ASSETS_COLLECTION = "saved_model_assets"

_ELSE = f"Export the model without it, or, if you trust whoever made it, start the server with {FLAG}."


def check_ops(meta_graph: meta_graph_pb2.MetaGraphDef, folder: Path) -> None:
    """Check the graph that will be loaded, and the paths of its assets.

    Args:
        meta_graph: the one with the tag ``serve``; others of the SavedModel are never run.
        folder: the version's.

    Raises:
        ForbiddenOpError: it has an op that reads or writes files, runs code, ends the process or reaches other hosts.
    """
    _check_assets(_assets(meta_graph), folder)
    checked = _Check(meta_graph)
    for body, node in checked.graph.nodes():
        reason = checked.reason_against(body, node)
        if reason:
            where = f"of function {body.function!r}" if body.function else "of its graph"
            raise ForbiddenOpError(
                f"cannot load {folder}: node {node.name!r} {where} has the op {node.op}, {reason}. {_ELSE}"
            )


class _Check:
    def __init__(self, meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
        self.graph = ModelGraph(meta_graph.graph_def)
        saver = meta_graph.saver_def
        self._requests = self.graph.running(_outputs(meta_graph, internal=False))
        self._init = self.graph.running(_init_ops(meta_graph))
        self._restore = self.graph.running([saver.restore_op_name] if saver.restore_op_name else [])
        self._checkpoint = frozenset({_tensor(saver.filename_tensor_name)} if saver.filename_tensor_name else ())
        self._assets = frozenset(_tensor(asset.tensor_info.name) for asset in _assets(meta_graph))

    def reason_against(self, body: Body, node: node_def_pb2.NodeDef) -> str:
        """Return why the node is refused; empty where it is not."""
        runs = {
            "requests": self._requests.has(body, node),
            "initialisation": self._init.has(body, node),
            "saver": self._restore.has(body, node),
        }
        if node.op in SAVING:
            return "which writes files: allowed is what only the saving of a model runs" if any(runs.values()) else ""
        if node.op in RESTORING:
            good = not runs["requests"] and not runs["initialisation"] and self._reads(body, node, 0, self._checkpoint)
            return "" if good else "which reads a file: allowed is the model's own checkpoint, read by its saver"
        if node.op in TEXT_TABLES:
            good = not runs["requests"] and not runs["saver"] and self._reads(body, node, 1, self._assets)
            return "" if good else "which reads a file: allowed is an asset of the model, read by its initialisation"
        if only_computes(node):
            return ""
        return (
            "which may read or write files, run code, end the process or reach other machines: allowed are ops that "
            "only compute"
        )

    def _reads(self, body: Body, node: node_def_pb2.NodeDef, position: int, files: frozenset[str]) -> bool:
        return position < len(node.input) and self.graph.comes_from(body, node.input[position], files)


def _outputs(meta_graph: meta_graph_pb2.MetaGraphDef, *, internal: bool) -> Iterable[str]:
    for name, signature in meta_graph.signature_def.items():
        if name.startswith(_INTERNAL) == internal:
            yield from (info.name for info in signature.outputs.values())


def _init_ops(meta_graph: meta_graph_pb2.MetaGraphDef) -> Iterable[str]:
    yield from _outputs(meta_graph, internal=True)
    for name in _INIT_COLLECTIONS:
        if name in meta_graph.collection_def:
            yield from meta_graph.collection_def[name].node_list.value


def _assets(meta_graph: meta_graph_pb2.MetaGraphDef) -> list[meta_graph_pb2.AssetFileDef]:
    """Return the assets, from the field or else from the collection that TensorFlow's loader reads, too."""
    if meta_graph.asset_file_def or _ASSETS_COLLECTION not in meta_graph.collection_def:
        return list(meta_graph.asset_file_def)
    packed = meta_graph.collection_def[_ASSETS_COLLECTION].any_list.value
    assets = [meta_graph_pb2.AssetFileDef() for _ in packed]
    for asset, value in zip(assets, packed, strict=True):
        value.Unpack(asset)
    return assets


def _check_assets(assets: Iterable[meta_graph_pb2.AssetFileDef], folder: Path) -> None:
    for asset in assets:
        path = PurePosixPath(asset.filename)
        inside = not path.is_absolute() and ".." not in path.parts
        if not inside or not (folder / "assets" / path).resolve().is_relative_to(folder.resolve()):
            raise ForbiddenOpError(
                f"cannot load {folder}: its asset {asset.filename!r} leads out of the folder; allowed are files in its "
                f"folder assets. {_ELSE}"
            )


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"
