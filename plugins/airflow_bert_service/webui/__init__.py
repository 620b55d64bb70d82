"""What Airflow's API server and UI show of this project.

Layers, each knowing only those below it::

    lazy_app.py      makes the app when it is first asked for something
    report_app.py    shows reports to users who may see their tasks
    urls.py          addresses of pages, for messages
    report_link.py   the button of a task that leads to its report
    report_files.py  the reports on disk
    write_lock.py    one writing request at a time on SQLite
"""
