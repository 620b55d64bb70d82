"""The command line: ``bert-service`` of an installed wheel, ``scripts/bert`` in a checkout. One module a sub-command.

::

    main                     which sub-commands there are; imports the one that is asked for, and nothing of Airflow
    setup_tfx  init          before the first run: the TFX environment, the DAG files and the pipeline's settings
    compile                  the pipeline, for a plain DAGs folder
    models  retention        the ledger and the served folder; what is removed after a while
    serve  node_server       the model server; the server that runs nodes
    doctor                   what is missing or does not fit; its checks are in ``checks``
    places                   where DAG files are, and the environment that the TFX side's commands get
"""
