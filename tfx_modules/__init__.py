"""The TFX side: pipeline, model, node command and model server.

Layers, each knowing only those below it::

    pipeline/                the components and their channels; the compile command
    components/  node/       components that differ from TFX's own; the node command
    evaluation/  retention/  scoring/    whether a model is good enough; removal of old data; scores of a day's texts
    model/  validation/  serving/    the classifier; the checks of the data; the model server
    promotion/  data/  beam/         which model is in service; reviews and tokens; Beam's workers
    settings/                the settings of the pipeline
    common/  exceptions.py   parent-death signal, addresses, deferred imports; every error that this side raises

Runs in the TFX environment only and never imports ``airflow`` or ``airflow_bert_service``.
"""

from tfx_modules.common.deferred_imports import defer

defer()
