"""The model server: TensorFlow Serving's flags, REST and gRPC, and behaviour on disk, without Docker.

Layers, each knowing only those below it::

    __main__.py        the command
    server.py          puts the parts together; start, drain, stop
    rest/  grpc/       the protocol edges
    dataplane.py       what clients can ask, in no protocol's terms
    structured.py      what Classify and Regress want of a signature
    config_file.py     TensorFlow Serving's model config: as proto, text and file
    catalogue.py       a watcher for each model of the config
    labels.py          which version a label may name
    watcher.py         keeps the registry in step with a model's folders on disk
    registry.py        which version of which model is in which state; leases
    warmup.py          replays the requests that a version brings along
    model.py           a SavedModel in memory
    specs.py config.py the frozen data that the layers pass

Beside them, for those who only want to use a server, and without TensorFlow: ``process.py`` runs one as a child
process, ``client/`` asks one. Importing this package imports nothing.
"""
