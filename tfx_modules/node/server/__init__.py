"""The node server: imports TensorFlow and TFX once, and runs every node in a fork of itself.

``python -m tfx_modules.node.server --socket PATH``. ``address`` opens its socket, ``preload`` imports the
libraries, ``loop`` runs the event loop, ``session`` serves one client and its node (``guard`` keeps its errors to
itself), and ``child`` runs in the fork.
"""
