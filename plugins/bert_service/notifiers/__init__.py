"""Notifiers: how the world outside hears what a run came to."""
