"""Has a day's texts scored by the scoring command of the TFX environment.

Layers, each knowing only those below it::

    day.py       scores a day of the feed: for the operator, and for the sub-command
    client.py    runs the command
    request.py report.py texts.py    what it gets, and what it prints

The model and the files of scores are the command's.
"""
