"""Declares the flag for the engine. Imports only the standard library."""

import enum


class EngineChoice(enum.Enum):
    """What computes a version's answers."""

    AUTO = "auto"
    """What the version carries and this processor runs fastest."""
    TENSORFLOW = "tensorflow"
    """The SavedModel's own graph, as in TensorFlow Serving."""
    OPENVINO = "openvino"
    """OpenVINO; a version that carries nothing usable for it is not served."""
