"""Facts of a DAG run: its mode and data date, the annotations of its tasks, and its note.

Layers, each knowing only those below it::

    listener.py    writes the run's note when the run begins and ends
    failure.py     says why a run failed
    note.py        merges the lines of tasks into the note
    result.py      explains why a run has no verdict in the ledger
    running_task.py    what a running task leaves for people, and asks of its run
    annotations.py     keeps texts that tasks leave for people, outside of Airflow's database
    log_folders.py     where the logs and these texts are, for those who remove them
    data_date.py   the data date of a run, and its window of days
    conf.py        keys and numbers of a run's conf
    default_zone.py    days of Airflow's default time zone
    mode.py        which part of the pipeline a run executes
"""
