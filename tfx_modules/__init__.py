"""The TFX side: pipeline, model, node command and model server.

Runs in the TFX environment only and never imports ``airflow`` or ``plugins``.
"""
