"""Which model is in service, and why: ordered by data date, decided once, written down, undone in seconds.

Imports neither TensorFlow nor TFX: the node that pushes uses it, and so do commands that have to answer at once.

::

    promoter, rollback ──► ledger   what was decided: the truth
                      └──► shelf    the folders that a model server watches: made to follow the ledger
    history                what the ledger's events come to; pure
    versions, manifest     numbers and digests; pure
    comparison             better, worse or no difference, of two models' scores; pure
"""
