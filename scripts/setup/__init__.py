"""Builds the environments. Runs on any Python from 3.8 and needs nothing installed."""
