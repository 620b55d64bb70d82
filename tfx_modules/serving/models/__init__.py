"""The models that are served.

Layers, each knowing only those below it::

    config_file.py   TensorFlow Serving's model config: as proto, text and file
    manager.py       a watcher for each model of the config
    labels.py        which version a label may name
    watcher.py       keeps the registry in step with a model's folders on disk
    registry.py      which version of which model is in which state; handles on versions in use
    model.py         a version in memory
    engines/         what computes its answers: TensorFlow's session, OpenVINO
    op_check.py      which graphs may be loaded; side_effects.py: which ops; graph.py: what runs in a graph
    trouble.py       what is wrong and has been told
    disk.py          the version folders under a base path
    model_config.py  which models and versions are to be served
"""
