"""What a run is about, and what its tasks leave for people.

Layers, each knowing only those below it::

    listener.py    writes the run's note when the run ends
    note.py        merges lines of tasks into the note
    result.py      explains why a run has no verdict in the ledger
    xcom.py        what tasks leave in XCom beside their return values
    data_date.py   the data date of a run, and its window of days
    mode.py        how far a run goes
"""
