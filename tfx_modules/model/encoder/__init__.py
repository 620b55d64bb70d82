"""The pretrained encoder: its files, what it must be, and the keras-hub backbone made of it.

Layers, each knowing only those below it::

    backbone.py           loads the encoder as a keras-hub backbone
    checkpoint.py         checks all of an encoder when the pipeline is compiled
    tensors.py            the tensors of its weights
    tokenizer_files.py    its tokenizer's options
    config.py             its numbers
    kinds.py              which kinds of encoders are read, and how they name what they have
    files.py              finds the files and checks their digests
    refusal.py            the error of what is not supported

Only ``backbone.py`` imports Keras, so the pipeline's compilation can refuse an encoder cheaply.
"""
