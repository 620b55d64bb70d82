"""The pipeline's settings (``tfx_modules/settings.toml``): one frozen class for each table.

To add a setting, declare a field with its type, default, limits and docstring; the reader finds it.
Layers, each knowing only those below it::

    task.py       hands the task on: to components, and with a model
    settings.py   the declarations
    labels.py     what labels may be
    reading/      the reader, driven by the declarations
"""
