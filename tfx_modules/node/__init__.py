"""Runs one node of the compiled pipeline, and tells how it ended.

The node command, ``python -m tfx_modules.node REQUEST.json``, reads a request (``request``), binds the run's values
into the IR (``ir``), launches the node on TFX's Launcher (``run``), reads from ML Metadata what came of it
(``lineage``, ``gates``) and writes the outcome (``outcome``). The node server (``server``) does the same in forks of
one process.
"""
