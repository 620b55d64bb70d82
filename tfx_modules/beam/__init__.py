"""Runs the Beam pipelines of nodes.

``operator`` is the executor operator that TFX's Launcher calls, ``runner`` makes the pipelines, ``forking`` is the
process that forks Beam's workers, and ``workers`` has Beam's runner and worker handler for it. ``servers`` has
what Beam would open to others listen on Unix sockets (``sockets``), and so has ``worker_pool``. ``artifacts`` gives a
job service the pipeline's files alone; ``job_service`` is one.
"""
