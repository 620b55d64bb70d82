"""Settings of the Airflow side: the section ``[bert_service]`` of airflow.cfg.

Layers, each knowing only those below it::

    settings.py     all of them, read once
    feeds.py row_rules.py retention.py gpu.py containers.py channels.py    groups of keys
    databases.py sql_query.py    checks
    log_folders.py  where Airflow keeps this project's logs
    parsing.py      reads values from texts
"""
