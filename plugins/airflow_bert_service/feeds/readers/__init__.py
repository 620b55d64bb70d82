"""Reads rows from files with any content, and rejects rows that cannot be used.

Layers, each knowing only those below it::

    screening.py    a row becomes a review, or is rejected with a reason
    row_files.py    rows of one CSV or JSON Lines file; row_days.py: those of one day
    csv_records.py  records of a CSV file; csv_grammar.py: where a record ends
    tar_members.py  members of a tar.gz
    json_values.py  JSON, with keys that come twice
    rows.py reviews.py   the frozen data that the readers return
"""
