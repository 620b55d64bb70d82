"""Writes reviews as spans, one folder a day, which the pipeline reads.

Layers, each knowing only those below it::

    refresh.py      updates the spans of a run's window from the feed
    holdout.py      finds the holdout: reviews that are never trained on
    own_holdout.py  brings a holdout of the user's own into the nodes' form
    span_store.py   the spans and their versions
    rejection.py    rejects a day with too many unusable rows
    span_writer.py  writes one day's rows: reviews, and a quarantine for the unusable ones
"""
