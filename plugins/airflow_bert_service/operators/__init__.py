"""Operators: the tasks of the DAGs. An operator builds a request, calls one client and returns.

refresh.py         updates the spans of a run's window from the feed
node.py            runs one TFX node; node_container.py: in a container of its own; node_task.py: what both share
asset.py           emits the event of the asset that stands for the champion
promotion.py       records and announces the result of a run
rollback.py        puts another version in service
retention.py       removes what the settings no longer keep
"""
