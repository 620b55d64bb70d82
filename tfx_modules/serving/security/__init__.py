"""Checks keys, bounds requests and connections, guards configs. Knows no protocol.

``api_keys.py`` API keys, ``admission.py`` concurrent requests, ``connections.py`` connections, ``reload.py`` configs,
``hosts.py`` the names that requests may ask for.
"""
