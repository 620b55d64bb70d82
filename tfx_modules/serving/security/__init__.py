"""Checks API keys (``api_keys.py``), limits concurrent requests (``admission.py``), guards configs (``reload.py``).

``bytes_under_way.py`` bounds the bytes of all requests together. Knows no protocol.
"""
