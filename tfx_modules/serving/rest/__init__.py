"""The REST edge: TensorFlow Serving's URLs and JSON on Starlette and uvicorn."""
