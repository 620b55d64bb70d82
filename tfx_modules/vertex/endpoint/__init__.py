"""Has an endpoint of Vertex AI serve the version that is in service by the ledger of promotions.

Modules, each knowing only those below it::

    __main__.py     the command, once or every so many seconds
    following.py    one pass: asks ledger and endpoint, and takes one step after the other
    service.py      asks Vertex AI's API for models and endpoints
    operations.py   what Vertex AI works on, and what can get traffic meanwhile
    uploads.py      what a version is uploaded with, and its name there
    steps.py        decides the next step; pure
    options.py      what the command is told
"""
