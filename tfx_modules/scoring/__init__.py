"""Scores the texts of a day with a version of the model, and writes them as one partition of the scores.

Layers, each knowing only those below it::

    command.py      python -m tfx_modules.scoring: reads request and texts, prints a report
    day.py          scores a day's texts with the version that the request asks for
    choosing.py  scorer.py  partition.py    which version; scores of texts; the partition's file
    file_formats.py request.py              rows as JSON Lines or Parquet; what standard input has
    rows.py         texts and scored rows

It loads a version by the model server's own code, and never changes which one is in service.
"""
