"""The DAG bundle: every run keeps one version of DAG file, compiled pipeline and ``tfx_modules`` to its end.

Layers, each knowing only those below it::

    dag_bundle.py  the bundle that Airflow loads
    status.py      says whether the sources on disk are published, to commands beside Airflow
    wrong_settings.py  what it shows where the settings cannot be used
    publisher.py   compiles changed sources in the background, and publishes the result
    snapshots.py   the published versions on disk
    error_file.py  DAG files that raise an error, which Airflow shows
"""
