"""Measures the Trainer's step: of two checkouts, and beside PyTorch's (``benchmarks.training_step`` is the command)."""
