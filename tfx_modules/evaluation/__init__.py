"""Evaluates candidates, and decides whether they may be promoted.

Layers, each knowing only those below it::

    promotion_gate.py  compares a candidate with the model in service
    floors.py          the floors of every model: accuracy, recall of each class, slices, AUC
    label_floors.py    those of each label, where a text may have several
    label_comparison.py  which of two models is worse on a label, where a text may have several
    scoring.py         scores exported models on reviews
    evaluation_progress.py  how far the Evaluator is, in its log
    tfma_summary.py    a TFMA validation in one line
    eval_config.py     what the Evaluator measures
    exact_match.py     the metric of a text with all labels right
    mcnemar.py         which of two models is better: the exact McNemar test
"""
