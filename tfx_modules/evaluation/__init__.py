"""Evaluates candidates, and decides whether they may be promoted.

Layers, each knowing only those below it::

    promotion_gate.py  compares a candidate with the model in service
    floors.py          the floors of every model: accuracy, recall of each class, slices, AUC
    scoring.py         scores exported models on reviews
    tfma_summary.py    a TFMA validation in one line
    eval_config.py     what the Evaluator measures
    mcnemar.py         which of two models is better: the exact McNemar test
"""
