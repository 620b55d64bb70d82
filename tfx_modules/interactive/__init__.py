"""Runs the pipeline's components one at a time in a notebook, and draws what a person would look at.

``notebooks/bert_sentiment.ipynb`` uses it, on the components that ``create_pipeline`` makes.

===========  =========================================================================
``context``  TFX's InteractiveContext, with the ledger, Beam and the gates' findings
``patches``  what it puts in place of parts of TFX while a component runs
``values``   the values of a run's runtime parameters, put into the components
``window``   the spans of a window of days, from one CSV file
``figures``  pictures of a run's artifacts
``tables``   tables of a run's artifacts
``quiet``    keeps the libraries' log messages out of the cells
===========  =========================================================================
"""
