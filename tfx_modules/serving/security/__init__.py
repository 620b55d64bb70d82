"""Who may ask, and how many at a time: ``api_keys.py``, ``admission.py``. Knows no protocol."""
