"""What a version carries for OpenVINO: the encoder converted, quantised, measured and written.

::

    graph.py             the trained classifier as an OpenVINO model
    quantization.py      the same in INT8, calibrated on training examples
    variants.py          measures each precision, and keeps those that lose little accuracy
    ends.py              what comes before and after the encoder, as a SavedModel
"""

from tfx_modules.engines.openvino_library import openvino

openvino()  # before its modules: without its telemetry, and without AMX
