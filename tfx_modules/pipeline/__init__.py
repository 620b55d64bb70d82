"""Declares the TFX pipeline, and compiles it.

Layers, each knowing only those below it::

    compile.py             the compile command
    pipeline.py            the components, and what flows between them
    runtime_parameters.py  the values that vary from run to run
"""
