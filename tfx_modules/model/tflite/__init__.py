"""What a version carries for TFLite: the encoder converted, measured and written.

::

    graph.py        the trained classifier as a graph of TFLite's builtin operations
    conversion.py   the same as a TFLite model, and how it computes
    variant.py      measures it beside the SavedModel, and writes it with vocabulary and description
    score.py        the example that a version carries: scores texts without TensorFlow
"""
