"""The sentiment classifier, from preprocessing to the exported SavedModel.

Layers, each knowing only those below it::

    training.py tuning.py    the Trainer's run_fn, the Tuner's tuner_fn
    precision.py             the type that the exported model computes in
    export.py                the SavedModel; inference_graph.py, warmup_requests.py: its parts
    preprocessing.py         the Transform component's preprocessing_fn
    batches.py               batches of transformed examples
    fitting/                 the loop of a training, its checkpoints, and what it computes in
    bert_classifier.py       encoder, dropout and one logit
    encoder/                 the pretrained encoder
"""
