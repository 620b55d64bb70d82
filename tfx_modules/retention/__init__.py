"""Retention: removes old versions of models, artifacts with their metadata, spans, scores and logs.

Imports neither TensorFlow nor TFX. Each module lists what there is, chooses (pure functions), and removes what is
still expired when it checks again under the lock of those who write there::

    versions    folders of models, under the ledger's lock
    artifacts   files and rows of ML Metadata, under the database's (``store``)
    spans       reviews by day, under the span store's
    results     scores by day, under the lock of those who write them
    logs        files that nobody writes to any longer

Each removal is one rename or one transaction, so that a kill at any moment leaves nothing half removed that is still in
use; the next retention finishes. Nothing is ever removed from the ledger.
"""
