"""Requests of several clients are computed together, as TensorFlow Serving's ``--enable_batching`` has it.

Between data plane and model: knows calls and arrays, no protocol and no version.
"""
