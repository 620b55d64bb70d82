"""The node server: imports TensorFlow and TFX once, and runs every node in a fork of itself.

``python -m tfx_modules.node.server --socket PATH``. ``address`` is its socket, ``preload`` what it imports, ``loop``
waits for whatever happens next, a ``session`` is one client with its node, and ``child`` is what happens in the fork.
"""
