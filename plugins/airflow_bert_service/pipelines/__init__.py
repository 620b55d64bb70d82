"""Further pipelines in one Airflow: what each has for itself, and the files of a new one.

::

    settings.py      the settings of a pipeline: those in airflow.cfg, and its own in its settings.toml
    new_pipeline.py  the settings file and the DAG file of a new pipeline
    served.py        which models one model server has for all of them
"""
