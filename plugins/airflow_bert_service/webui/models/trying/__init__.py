"""*Try it*, on the page *Models*: asks a served model about texts that a user gives. Keeps and logs none of them.

Layers, each knowing only those below it::

    routes.py    the routes
    asking.py    asks the model servers, and gathers what the page shows
    words.py     finds out which words of a text mattered
    examples.py  writes the request as curl and as Python
    texts.py     takes the texts out of a form
    forms.py     reads the form
"""
