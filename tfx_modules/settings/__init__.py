"""The pipeline's settings (``tfx_modules/settings.toml``): one frozen class for each table.

To add a setting, declare a field with its type, default, limits and docstring; the reader finds it.
Layers, each knowing only those below it::

    settings.py   the declarations
    gate.py       the declaration of what a model must be to be promoted
    normalisation.py what a tokenizer does to a text before it cuts it
    task.py       the declaration of the task, which is handed on to components, and with a model
    labels.py     what labels may be
    reading/      the reader, driven by the declarations
"""
