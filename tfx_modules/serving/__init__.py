"""The model server: TensorFlow Serving's flags, REST and gRPC, and behaviour on disk, without Docker.

Layers, each knowing only those below it::

    __main__.py        the command
    server.py          puts the parts together; start, drain, stop
    frontends.py       the protocol frontends, with limits, keys and metrics around them
    warmup.py          replays a version's warm-up requests
    rest/  grpc/       the protocol frontends themselves
    inference/         answers requests, independently of a protocol
    batching/          calls of several clients, computed together
    models/            model config, version folders, watchers, registry, SavedModels
    observability/  security/    metrics and prediction log; API keys and admission
    flags/             the command line's flags, and the files that they name
    specs.py           the frozen data that the layers pass

Beside them, for those who only want to use a server, and without TensorFlow: ``process.py`` runs one as a child
process, ``client/`` asks one, ``vertex/`` starts one in a container of a Vertex endpoint. Importing this package
imports nothing.
"""
