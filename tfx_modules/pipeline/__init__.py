"""Declares the TFX pipeline, and compiles it.

Layers, each knowing only those below it::

    users/                 compiles a pipeline of a user's own
    compile.py             the compile command
    pipeline.py            the components, and what flows between them
    supported.py           refuses what the runner cannot run
    code_versions.py       for the cache: the version of the code that a node's result depends on
    sources.py             the files that a module depends on, found through its imports
    imports.py             the imports in a module's source
    runtime_parameters.py  the values that vary from run to run
"""
