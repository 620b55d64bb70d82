"""The sub-command ``run-local``: runs a pipeline once in one process, without Airflow's processes and database.

Layers, each knowing only those below it::

    run_local.py   reads the arguments, and runs the steps
    steps.py       the data's refresh, the requests of the nodes, their process
    ending.py      records and tells how the run ended
    parameters.py  the run's parameters, and those of its nodes, by the declarations and templates of the DAG
    pipelines.py   compiles the pipeline into the run's own folder
    folder.py      the folder that the run keeps everything in
"""
