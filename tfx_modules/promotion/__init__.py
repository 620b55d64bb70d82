"""Decides which model is in service, by data date, records why in the ledger, and rolls back in seconds.

Imports neither TensorFlow nor TFX: the node that pushes uses it, and so do commands that have to answer at once.

::

    promoter, rollback ──► ledger       the decisions: the source of truth
                      ├──► repository   the folders that a model server watches; they follow the ledger
                      └──► moves        moves them, unless the ledger's lock was lost
    exports                what versions carry for others, copied to folders of its own
    history                the state that follows from the ledger's events; pure
    agreement              whether ledger and folders are of one environment, by its id (``environment``)
    versions, manifest     numbers and digests; pure
"""
