"""What a server needs to be operated, in no protocol's terms: limits, keys, TLS, metrics, the prediction log.

The protocol edges put these around themselves: ``rest/limits.py``, ``grpc/limits.py`` and so on.
"""
