"""The model server in a container of a Vertex endpoint: its model comes from Cloud Storage.

Modules, each knowing only those below it::

    __main__.py     the container's command: fetches the version's files, then becomes the model server
    container.py    what the container is told by Vertex AI and by whoever has uploaded the model
    storage.py      reads a folder of Cloud Storage; the only one here that imports Google's client

Importing this package imports nothing.
"""
