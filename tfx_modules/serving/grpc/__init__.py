"""The gRPC edge: TensorFlow Serving's services, and gRPC's health service, on ``grpc.aio``."""
