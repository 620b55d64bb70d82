"""Makes an Airflow DAG of a compiled pipeline.

Layers, each knowing only those below it::

    runner.py      AirflowDagRunner: a task for each node, an edge for each edge
    config.py      AirflowPipelineConfig: what TFX's IR does not say
    execution.py   retries, time limits and trigger rules, as TFX's IR has them
    containers.py  which nodes run in a container of their own
    parameters.py  parameters of a run, and the templates that hand them to nodes
    users_parameters.py  those of a user's own pipeline
    timetable.py   when the DAG runs by itself
"""
