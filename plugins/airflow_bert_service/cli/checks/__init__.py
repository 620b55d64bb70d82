"""What ``doctor`` looks at: each function returns findings and changes nothing.

::

    airflow_side    Airflow's version and database, the plugin, the DAG files and the compiled pipeline
    places          folders, the node server's socket, what the feed reads, the model servers
    tfx_side        the TFX environment, the encoder, the databases of ML Metadata and of the ledger
    finding         what a check returns
"""
