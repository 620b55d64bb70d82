"""Asks people before a candidate is promoted: what is asked for, and what an answer changes."""
