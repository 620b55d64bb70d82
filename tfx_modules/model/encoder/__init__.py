"""The pretrained encoder: its files, what it must be, and the keras-hub backbone made of it.

Layers, each knowing only those below it::

    backbone.py    loads the encoder as a keras-hub backbone
    checkpoint.py  reads a Hugging Face BERT folder's config and names of tensors; refuses what is not supported
    files.py       finds the files and checks their digests

Only ``backbone.py`` imports Keras, so the pipeline's compilation can refuse an encoder cheaply.
"""
