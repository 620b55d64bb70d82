"""Clients of commands and servers outside Airflow: they do not import Airflow, and are not Airflow hooks.

Layers, each knowing only those below it::

    node.py          runs one node by a transport
    container.py     transport: a container
    node_server.py   transport: a fork of the node server
    process.py       transport: a fresh process
    ledger.py        the promotion command
    retention.py     the retention command
    classify.py      asks a model server about texts
    model_status.py  asks model servers what they serve
    rest.py          what both of these ask by, within a time
    tfx_command.py   error messages of commands that cannot be started, or fail
"""
