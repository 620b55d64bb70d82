"""Trains the encoder's layers in fewer and larger operations than Keras' own, which it computes the same as.

Layers, each knowing only those below it::

    layer.py       has an encoder's layers train this way
    attention.py   what is between the products of attention
    dense.py       a product with a matrix and a bias, GELU, and the norm of a sum
    dropout.py     what dropout drops
    optimizer.py   AdamW, a pass over each variable at a time
"""
