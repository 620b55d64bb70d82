"""The page *Models* in Airflow's UI: which model is in service and why, and what was decided before.

Layers, each knowing only those below it::

    pipelines.py      an app for each of several pipelines
    app.py            the routes
    change_routes.py  those that change what is in service or kept
    trying/           asks served models about texts
    access.py         who may see and change
    same_origin.py    refuses what pages of other sites send
    forms.py          reads forms
    contents.py       gathers what the pages show
    curves.py         lays out curves over data dates
    changes.py        carries out changes, by the promotion command
    rendering.py      makes pages of templates, with headers that let nothing else in
    links.py          addresses of pages, relative to the page that has them
    templates/        the pages, their style and their script
"""
