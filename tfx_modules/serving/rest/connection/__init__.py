"""The connections of the REST port.

``acceptor.py`` takes them, ``protocol.py`` speaks HTTP on one, with deadlines; ``pieces.py`` reads it in pieces.
"""
