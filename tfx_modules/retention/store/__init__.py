"""Reads and deletes rows of the ML Metadata store by SQL, since ml_metadata 1.16 cannot delete any."""
