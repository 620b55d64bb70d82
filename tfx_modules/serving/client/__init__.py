"""A client for this model server, and for any TensorFlow Serving: a command and a Python class.

::

    from tfx_modules.serving.client import Model, ModelClient, Server

    with ModelClient(Server.rest("127.0.0.1:8501"), Model("bert_sentiment")) as client:
        for prediction in client.predict(["A warm, funny film."]):
            print(prediction.label, prediction.score)

Over REST it needs nothing but the standard library. Over gRPC it needs ``tensorflow-serving-api``, which imports
TensorFlow: that takes seconds, once. ``python -m tfx_modules.serving.client --help`` explains the command.
"""

from tfx_modules.serving.client.model_client import ModelClient
from tfx_modules.serving.client.specs import Model, Prediction, RetryPolicy, Server, Tls, VersionReport
from tfx_modules.serving.exceptions import ClientError

__all__ = ["ClientError", "Model", "ModelClient", "Prediction", "RetryPolicy", "Server", "Tls", "VersionReport"]
