"""What clients can ask: ``dataplane.py`` for every method, ``classify_regress.py`` for Classify and Regress."""
