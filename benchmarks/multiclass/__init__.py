"""Compares the multiclass path of the pipeline with a plain fine-tuning by Hugging Face's libraries.

Layers, each knowing only those below it::

    __main__.py     trains and asks the pipeline's model
    other_side.py   gives the other side its texts, and starts it
    fine_tune.py    the other side; imports nothing of this project but texts.py and measures.py
    reviews.py      IMDB's reviews with their stars
    texts.py        files of texts with the numbers of their labels
    measures.py     what answers are measured by
"""
