"""Copies a model's versions to an object store, and from there into a folder that a model server watches.

Modules, each knowing only those below it::

    copy_models.py   the sub-command
    upload.py        makes the store follow the served folder
    download.py      makes a folder follow the store
    store.py         a model's versions on an object store
    manifest.py      the files of a version
"""
