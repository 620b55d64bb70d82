"""Writes reviews where the pipeline reads them: spans, one folder a day.

Layers, each knowing only those below it::

    holdout.py      reviews that are never trained on
    span_store.py   the spans and their versions
    rejection.py    refuses a day with too many unusable rows
    span_writer.py  writes one day's rows: reviews, and a quarantine for the others
"""
