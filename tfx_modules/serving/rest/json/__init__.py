"""The JSON of requests and answers.

Layers, each knowing only those below it::

    input.py  examples.py    a request for predict; for classify and regress. Answers of the latter, too
    parser.py                from bytes to what JSON knows
    output.py                an answer of predict
    tensor.py                from nested lists to an array
"""
