"""The course of a training: what it computes in, its loop, its checkpoints, and what the node's log says of it.

Layers, each knowing only those below it::

    search.py        searches hyperparameters trial by trial, and goes on with a search that was killed
    loop.py          trains epoch by epoch, and goes on with a training that was killed
    checkpoint.py    writes and reads the state of a training
    progress.py      tells how far it is
    device.py        what it runs on, and the type that it computes in
"""
