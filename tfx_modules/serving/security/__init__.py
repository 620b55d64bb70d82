"""Checks API keys (``api_keys.py``) and limits concurrent requests (``admission.py``). Knows no protocol."""
