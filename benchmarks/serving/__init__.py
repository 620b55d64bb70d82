"""Compares this server with FastAPI and PyTorch, and ONNX Runtime, on the same reviews, encoder and cores."""
