"""Vertex AI: submits the pipeline as a PipelineJob, in which every node is a custom job, and serves from an endpoint.

Modules, each knowing only those below it::

    endpoint/       has an endpoint of Vertex AI serve the version that is in service
    __main__.py     the command that compiles and submits
    service.py      asks Vertex AI's API for jobs
    errors.py       words Google's errors for people
    request.py      makes the request that creates a PipelineJob
    spec.py         makes Vertex AI's spec of the one for Kubeflow Pipelines
    options.py      what the command is told of the project in Google Cloud
    rules.py        reads command-line values that name something there

Only ``service.py``, ``errors.py`` and ``endpoint/service.py`` import Google's client.
"""
