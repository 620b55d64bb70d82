"""The gRPC frontend: TensorFlow Serving's services and gRPC's health service, on ``grpc.aio``."""
