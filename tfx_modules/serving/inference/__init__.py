"""Answers requests independently of a protocol.

``dataplane.py``; ``classify_regress.py`` for Classify and Regress; ``rows.py`` bounds a call, ``workers.py`` has the
threads.
"""
