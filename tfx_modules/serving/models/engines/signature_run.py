"""Runs a signature in a session, as ``tf.compat.v1.Session.run`` does, but looks up once what that looks up each time.

``Session.run`` finds out for every call which tensors its arguments mean, whether the graph has grown, and how its
results are to be put together. That takes 0.2 to 0.5 ms, as long as all else that this server does for a short text.
``Session.make_callable`` calls it, too, where it has several outputs or options. So this class calls what
``Session.run`` ends in, with its own checks of the values. `tests/tfx_modules/serving/models/test_signature_run.py`
compares both.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session

from tfx_modules.serving.specs import Array


class SignatureRun:
    """A signature of a graph that has been loaded into a session, and to which nothing is added any more.

    Safe to call from several threads at once; TensorFlow releases the GIL while it computes.
    """

    def __init__(self, session: Any, signature: meta_graph_pb2.SignatureDef) -> None:
        """Look up its tensors.

        Raises:
            KeyError, ValueError: the graph lacks a tensor that the signature names.
        """
        inputs, outputs = (
            [session.graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)]
            for infos in (signature.inputs, signature.outputs)
        )
        self._session = session  # holds what the handles below are of
        self._inputs = [(tensor.name, tensor.dtype.as_numpy_dtype, tensor.shape) for tensor in inputs]
        self._outputs = [tensor.name for tensor in outputs]
        # An output that is an input, too, is given back; TensorFlow refuses to compute what it is fed with.
        fed = {tensor.name: tensor for tensor in inputs}
        fetched = {tensor.name: tensor for tensor in outputs if tensor.name not in fed}
        self._feeds = {name: tensor._as_tf_output() for name, tensor in fed.items()}  # noqa: SLF001 - as Session.run
        self._fetches = {name: tensor._as_tf_output() for name, tensor in fetched.items()}  # noqa: SLF001

    def __call__(self, given: Sequence[Array], options: config_pb2.RunOptions) -> list[Array | bytes]:
        """Compute the outputs.

        Args:
            given: the inputs, in the order of their names.
            options: TensorFlow's.

        Returns:
            The outputs, in the order of their names.

        Raises:
            tf.errors.OpError: the run failed.
            UnicodeDecodeError: the run failed, and its message, which is the error's object, quotes bytes of an input.
            ValueError: these are not the inputs' number, types or shapes.
        """
        values = {}
        for (name, kind, shape), value in zip(self._inputs, given, strict=True):
            array = np.asarray(value, kind)
            if not shape.is_compatible_with(array.shape):
                raise ValueError(f"an input has the shape {list(array.shape)}; allowed: {shape}")
            values[name] = array
        feeds = {self._feeds[name]: value for name, value in values.items()}
        buffer = pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())
        try:
            found = self._session._call_tf_sessionrun(  # noqa: SLF001
                buffer, feeds, list(self._fetches.values()), [], None
            )
        finally:
            pywrap_tf_session.TF_DeleteBuffer(buffer)
        values.update(zip(self._fetches, found, strict=True))
        return [values[name] for name in self._outputs]
