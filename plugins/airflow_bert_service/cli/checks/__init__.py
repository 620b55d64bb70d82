"""The checks of ``doctor``: each function returns findings and changes nothing.

::

    airflow_side    Airflow's version and database, the plugin, the DAG files and the compiled pipeline
    places          folders, the node server's socket, the feed's files and connections, the model servers
    tfx_side        the TFX environment, the encoder, the databases of ML Metadata and of the ledger
    finding         the result of a check
"""
