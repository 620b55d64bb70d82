"""Vertex AI: submits the pipeline as a PipelineJob, in which every node is a custom job.

Modules, each knowing only those below it::

    __main__.py     the command that compiles and submits
    service.py      asks Vertex AI's API; the only one that imports Google's client
    request.py      makes the request that creates a PipelineJob
    spec.py         makes Vertex AI's spec of the one for Kubeflow Pipelines
    options.py      what the command is told of the project in Google Cloud
"""
