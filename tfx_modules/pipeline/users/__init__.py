"""Compiles a pipeline of a user's own: one that a function in the user's file makes.

Layers, each knowing only those below it::

    __main__.py      the command
    compile.py       makes the IR, and keeps the code that its nodes run
    function.py      calls the user's function
    code.py          copies the user's modules that nodes run
    defaults.py      keeps defaults of runtime parameters that TFX's compiler drops
    module_files.py  names a component's module_file as a module of that copy
"""
