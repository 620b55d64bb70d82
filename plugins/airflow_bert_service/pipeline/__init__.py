"""The compiled pipeline, and the command that compiles it in the TFX environment.

Layers, each knowing only those below it::

    users_compiler.py     compiles a pipeline of a user's own
    users_pipeline.py     reads it, with the user's modules that its nodes run
    plan.py               the compiled pipeline as frozen data, read from TFX's IR
    execution_options.py  when a node runs, how often it is retried, and its time limit
    compiler.py           runs the compiler, and checks whether the compiled pipeline is fresh
    task.py               which labels the pipeline's reviews have
    name.py               the pipeline's name
    labels.py             what labels may be
    source_digest.py      digests of source folders
    parent_death.py       has the kernel end a process together with its parent
"""
