"""The TFX side: pipeline, model, node command and model server.

Layers, each knowing only those below it::

    pipeline/                which components, and what flows between them; the compile command
    components/  node/       components that differ from TFX's own; the node command
    evaluation/  retention/  whether a model is good enough; what is removed after a while
    model/  validation/  serving/    the classifier; the checks of the data; the model server
    promotion/  data/  beam/         which model is in service; reviews and tokens; how nodes run Beam
    settings/                the settings of the pipeline
    common/  exceptions.py   parent-death signal, database addresses; every error that this side raises

Runs in the TFX environment only and never imports ``airflow`` or ``airflow_bert_service``.
"""
