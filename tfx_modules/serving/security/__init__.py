"""Checks API keys (``api_keys.py``), limits concurrent requests (``admission.py``), guards configs (``reload.py``).

Knows no protocol.
"""
