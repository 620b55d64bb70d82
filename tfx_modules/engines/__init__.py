"""Execution engines beside TensorFlow: what a version's folder carries for them, and how they compute.

::

    description.py       what a version carries for OpenVINO, as a file
    passes.py            cuts rows into passes of like length, as the TensorFlow graph does
    openvino_library.py  imports OpenVINO, without its telemetry
    openvino_encoder.py  computes logits with OpenVINO, from ids
"""
