"""Reads a SavedModel, checks its ops and loads it into a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops that a model with its tokenizer inside uses
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import loader_impl

from tfx_modules.serving.models.op_check import check_ops

SERVING_TAG = "serve"
POOLS = 8
"""Pools of threads in which TensorFlow begins operations; each run of a model gets one of its own."""
# TensorFlow's own signatures, which nobody may call: what initialises a model, and what trains it.
_INTERNAL = "__saved_model_"

_v1: Any = tf.compat.v1

SignatureDefs = Mapping[str, meta_graph_pb2.SignatureDef]


@dataclass(frozen=True)
class Threads:
    """The numbers of threads that TensorFlow computes with; 0 = one for each of the machine's cores.

    Those of ``inter_op`` are for one run of a model.
    All models of a process share them: the first that is loaded decides.
    """

    intra_op: int = 0
    inter_op: int = 0


DEFAULT_THREADS = Threads()


class SavedModel:
    """A SavedModel that has been read, and of which nothing has run.

    Attributes:
        signature_defs: TensorFlow's own protos, by name.
    """

    def __init__(self, folder: Path, *, allow_side_effect_ops: bool) -> None:
        """Read and check it.

        Raises:
            ForbiddenOpError: the graph has ops that do more than compute, and they are not allowed.
            Exception: it is damaged; see ``failures``.
        """
        # As tf.compat.v1.saved_model.loader.load, which would parse the file anew: what is checked is what runs.
        self._loader = loader_impl.SavedModelLoader(str(folder))
        loaded = self._loader.get_meta_graph_def_from_tags([SERVING_TAG])
        if not allow_side_effect_ops:
            check_ops(loaded, folder)
        # Copies, for the originals would keep the whole graph in memory once more.
        self.signature_defs: SignatureDefs = {
            name: _copy(definition) for name, definition in loaded.signature_def.items()
        }

    def session(self, threads: Threads) -> Any:
        """Load graph and variables into a session, and initialise its tables.

        Raises:
            Exception: the model is damaged; see ``failures``.
        """
        config = _v1.ConfigProto(
            intra_op_parallelism_threads=threads.intra_op, inter_op_parallelism_threads=threads.inter_op
        )
        for number in range(POOLS):  # named, so that all models of a process share them
            name = f"run_{number}_{threads.inter_op}"
            config.session_inter_op_thread_pool.add(num_threads=threads.inter_op, global_name=name)
        graph = tf.Graph()
        with graph.as_default():
            session = _v1.Session(graph=graph, config=config)
            saver, _ = self._loader.load_graph(graph, [SERVING_TAG])
            self._loader.restore_variables(session, saver)
            self._loader.run_init_ops(session, [SERVING_TAG])
        return session


def callable_of(signature_defs: SignatureDefs) -> SignatureDefs:
    """Return the signatures that may be called."""
    return {name: proto for name, proto in signature_defs.items() if not name.startswith(_INTERNAL)}


def _copy(definition: meta_graph_pb2.SignatureDef) -> meta_graph_pb2.SignatureDef:
    copied = meta_graph_pb2.SignatureDef()
    copied.CopyFrom(definition)
    return copied
