"""This server beside FastAPI with PyTorch, and with ONNX Runtime: same reviews, encoder and cores, in one run."""
