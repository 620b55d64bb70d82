"""How nodes run their Beam pipelines.

``operator`` stands between TFX's Launcher and the executors and gives these their pipelines, ``runner`` makes them,
``forking`` is the process that forks Beam's workers, and ``workers`` is what Beam sees of it.
"""
