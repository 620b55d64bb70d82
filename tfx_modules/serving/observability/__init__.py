"""Metrics and the prediction log.

Layers, each knowing only those below it::

    observation.py      records each request
    metrics.py prediction_log.py    Prometheus metrics; a sample of the predictions
"""
