"""The engines that compute a version's answers.

::

    engine.py           what the model knows of an engine
    tensorflow_runs.py  the SavedModel's graph in a session
    openvino_runs.py    the encoder in OpenVINO, between the two ends of the graph
    saved_model.py      reads a SavedModel, checks its ops and loads it
    failures.py         what a load raises, as this server's errors
"""
