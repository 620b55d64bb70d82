"""Reviews and their features.

Layers, each knowing only those below it::

    holdout.py          reviews that no model is trained on
    review_set.py       labelled reviews in memory
    label_values.py     a label as examples have it
    text_statistics.py  statistics of a review's text
    tokenizer.py        WordPiece ids, inside the TensorFlow graph
    vocabulary.py       the WordPieces of a file
    unicode_classes.py  the characters that are punctuation, controls and marks
    features.py         names and values of the features
"""
