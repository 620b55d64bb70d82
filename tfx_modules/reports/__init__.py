"""Writes a report for people of what a node has made: a page beside its output.

The node command does this after the node has succeeded (``writer``), so that a change of a page is no change of the
node's code, trains nothing anew, and cannot fail a node. Layers, each knowing only those below it::

    writer                              says which node has which page, and writes it
    evaluator, pusher, trainer, tuner   the pages
    wrong_examples                      what the model gets wrong, with the texts
    tables                              what several of them show
    evaluation, curves                  read TFMA's results and TensorBoard's curves
    node_record                         what the node command knows of the node

ExampleValidator writes its report itself (``tfx_modules.validation.report``): it makes the numbers for it.
"""
