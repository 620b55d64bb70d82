"""Checks keys, bounds requests and connections, guards configs. Knows no protocol.

``api_keys.py`` API keys, ``admission.py`` concurrent requests, ``connections.py`` connections, ``reload.py`` configs,
``bytes_under_way.py`` the bytes of all requests together, ``hosts.py`` the names that requests may ask for.
"""
