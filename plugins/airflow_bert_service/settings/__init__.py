"""Settings of the Airflow side: the section ``[bert_service]`` of airflow.cfg.

To add a setting, declare a field with its type, default, limits and docstring; the reader finds it.
Layers, each knowing only those below it::

    settings.py     all settings, read once
    feeds.py row_rules.py retention.py scoring.py gpu.py containers.py channels.py    groups of settings
    database_url.py looks up an Airflow connection that a setting names
    databases.py sql_query.py    limits of their own
    stores/         groups of settings of object stores
    reading/        the reader, driven by the declarations
"""
