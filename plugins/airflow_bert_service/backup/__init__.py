"""Saves databases and files of an installation, and restores them.

databases       saves and loads one database: SQLite or PostgreSQL
contents        what a backup is made of, and its sums
saving          makes a backup while everything runs
restoring       restores one into an empty installation
"""
