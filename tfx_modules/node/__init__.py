"""Runs one node of the compiled pipeline, and reports its outcome.

The node command, ``python -m tfx_modules.node REQUEST.json``, reads a request (``request``), binds the run's values
into the IR (``ir``), launches the node on TFX's Launcher (``run``), which has the outputs flushed (``launching``),
reads its execution from ML Metadata (``lineage``, ``gates``) and writes the outcome (``outcome``). The node server
(``server``) does the same in forks of one process.
"""
