"""The tasks of the DAGs. An operator builds a request, calls one client and returns.

refresh.py         brings the spans of a run's window up to date
node.py            runs one TFX node; node_container.py: in a container of its own; node_task.py: what both share
asset.py           changes the asset of the model in service
promotion.py       says what a run came to
rollback.py        puts another version in service
retention.py       removes what the settings no longer keep
"""
