"""The command line of the server, and the config files that flags name. Imports no TensorFlow.

Layers, each knowing only those below it::

    server_flags.py       all flags of the server
    operations_flags.py   flags of limits, keys, TLS and logs; batching_flags.py: of batching
    connection_flags.py   flags of connections, and the names that requests may ask for
    request_flags.py      flags that bound what one request may cost
    foreign_flags.py      TensorFlow Serving's flags that this server does not have, and what to do instead
    config_files.py       TensorFlow Serving's files for TLS and monitoring; text_protos.py: protos in text form
    parser.py             what the command lines of server and client share
"""
