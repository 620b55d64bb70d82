"""Implements the command ``bert-service`` (``scripts/bert`` in a checkout), one module per sub-command.

::

    main                     dispatches to a sub-command; imports only that one, and nothing of Airflow
    setup_tfx  init          before the first run: the TFX environment, the DAG files and the pipeline's settings
    compile                  the pipeline, for a plain DAGs folder
    local                    runs the pipeline once in one process, for debugging
    models  retention        the ledger and the served folder; the removal of old versions, artifacts and logs
    scoring                  scores a day's texts
    backups                  saves databases and files, and restores them
    serve  client            the model server, and what asks it
    node_server              the server that runs nodes
    doctor                   checks the installation; its checks are in ``checks``
    places                   the folder of the DAG files, and the environment of the TFX side's commands
"""
