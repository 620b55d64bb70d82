"""Reads settings: one reader, which finds all that it needs in the declarations.

A setting is one field of a settings class: its type, its default, its docstring, and in ``Annotated[...]`` its limits.
Layers, each knowing only those below it::

    reader.py     makes settings classes of a table
    declared.py   what a settings class declares
    limits.py     what a value must be, beside its type
    naming.py     what messages call a setting

The Airflow side has ``declared.py`` and ``limits.py`` with the same text; neither side imports the other. A test
compares them.
"""
