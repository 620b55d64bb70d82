"""What goes after a while, and what never does: versions, artifacts with their metadata, spans, logs.

Imports neither TensorFlow nor TFX. Each room finds what there is, chooses (pure), and removes what is still to go when
it looks again under the lock of those who write there::

    versions    folders of models, under the ledger's lock
    artifacts   files and rows of ML Metadata, under the database's (``store``)
    spans       reviews by day, under the span store's
    logs        files that nobody writes to any longer

Whatever is removed vanishes by one rename or one transaction, so that a kill at any moment leaves nothing that is half
there and handed out; the next retention finishes. The ledger keeps all that it has.
"""
