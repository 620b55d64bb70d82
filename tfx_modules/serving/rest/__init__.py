"""The REST frontend: TensorFlow Serving's URLs and JSON on Starlette and uvicorn."""
