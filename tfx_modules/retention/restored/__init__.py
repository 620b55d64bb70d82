"""Settles folders and databases that were restored from a backup."""
