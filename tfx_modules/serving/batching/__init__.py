"""Batches the requests of several clients, as TensorFlow Serving's ``--enable_batching`` does.

Between data plane and model: knows calls and arrays, no protocol and no version.
"""
