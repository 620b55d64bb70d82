"""Makes up film reviews: those of ``data/sample_reviews.csv``, its holdout, and the sample feed's later days.

Layers, each knowing only those below it::

    days.py      the reviews of a day, in the season's words
    writer.py    one review
    phrases.py   the sentences and words that reviews are put together from, in data/phrases
    draw.py      draws that are the same on every machine

It uses only the standard library, and no ``random``, whose helpers may draw differently in another Python version.
"""
