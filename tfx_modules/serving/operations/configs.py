"""TensorFlow Serving's configuration files for TLS and monitoring, as frozen data.

Both are protos in text form: ``tensorflow_serving/config/ssl_config.proto`` and ``monitoring_config.proto``. The
package tensorflow-serving-api does not have these two, so their fields are described here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tfx_modules.serving.exceptions import FlagError

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"

_PACKAGE = "tensorflow.serving"
_MESSAGES: dict[str, list[tuple[str, str]]] = {  # fields in the order of their numbers
    "SSLConfig": [
        ("server_key", "TYPE_STRING"),
        ("server_cert", "TYPE_STRING"),
        ("custom_ca", "TYPE_STRING"),
        ("client_verify", "TYPE_BOOL"),
    ],
    "PrometheusConfig": [("enable", "TYPE_BOOL"), ("path", "TYPE_STRING")],
    "MonitoringConfig": [("prometheus_config", f".{_PACKAGE}.PrometheusConfig")],
}


@dataclass(frozen=True)
class GrpcTls:
    """gRPC's keys and certificates, PEM.

    Attributes:
        ca: what clients' certificates must go back to; None = the system's.
        client_verify: clients must show a certificate.
    """

    key: bytes
    certificate: bytes
    ca: bytes | None
    client_verify: bool


def read_ssl_config(file: Path) -> GrpcTls:
    """Read an SSLConfig.

    Raises:
        FlagError: the file cannot be read, is none, or lacks key or certificate.
    """
    config = _read("--ssl_config_file", file, "SSLConfig")
    if not config.server_key or not config.server_cert:
        raise FlagError(f"--ssl_config_file={file} lacks server_key or server_cert; give both, as PEM text")
    ca = config.custom_ca.encode() or None
    return GrpcTls(config.server_key.encode(), config.server_cert.encode(), ca, config.client_verify)


def read_metrics_path(file: Path) -> str | None:
    """Read a MonitoringConfig; return the path of the metrics page, None when it is not enabled.

    Raises:
        FlagError: the file cannot be read, is none, or names something that is no path.
    """
    config = _read("--monitoring_config_file", file, "MonitoringConfig").prometheus_config
    path = config.path or DEFAULT_METRICS_PATH
    if not path.startswith("/"):
        raise FlagError(f"--monitoring_config_file={file} has the path {path!r}; give one that begins with '/'")
    return path if config.enable else None


def _read(flag: str, file: Path, name: str) -> Any:
    message = _message(name)
    try:
        return text_format.Parse(file.read_text(encoding="utf-8"), message)
    except OSError as error:
        raise FlagError(f"{flag}={file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise FlagError(f"{flag}={file} is not a {name} in text form: {error}") from error


def _message(name: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_schema().SerializeToString())
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)()


def _schema() -> descriptor_pb2.FileDescriptorProto:
    schema = descriptor_pb2.FileDescriptorProto(name="serving_configs.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = schema.message_type.add(name=name)
        for number, (field_name, kind) in enumerate(fields, 1):
            field = message.field.add(name=field_name, number=number, label="LABEL_OPTIONAL")
            if kind.startswith("."):
                field.type_name = kind
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(kind)
    return schema
