"""The page *Models* in Airflow's UI: which model is in service and why, and what was decided before.

Layers, each knowing only those below it::

    app.py         the routes
    access.py      who may see the pages
    contents.py    gathers what the pages show
    links.py       addresses of pages, relative to the page that has them
    rendering.py   makes pages of templates, with headers that let nothing else in
    templates/     the pages, their style and their script
"""
