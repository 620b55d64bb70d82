"""Runs nodes of a compiled pipeline in one process, one after the other, for debugging.

``python -m tfx_modules.local REQUEST.json ...`` (``command``) takes requests of the node command, and runs them by the
same code (``tfx_modules.node.run``). ``bert-service run-local`` writes the requests. A breakpoint works, since the
process has the user's terminal. ``interrupts`` ends it by Ctrl-C.
"""
