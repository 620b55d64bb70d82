"""Pages and links of this project in Airflow's API server and UI.

Layers, each knowing only those below it::

    lazy_app.py      makes the app at the first request
    models/          the page of the models
    report_app.py    shows reports to users who may see their tasks
    urls.py          URLs of pages, for messages
    report_link.py   the button that opens a task's report
    report_files.py  reads the reports on disk
    write_lock.py    serialises writing requests on SQLite
    request_body.py  reads requests' bodies, within bounds of bytes and seconds
"""
