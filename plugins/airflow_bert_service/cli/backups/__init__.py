"""The sub-commands ``backup`` and ``restore``."""
