"""Reads TensorFlow Serving's config files, which are protos in text form.

The package tensorflow-serving-api does not have these protos, so their fields are described here, by the files that
each of them names.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tfx_modules.serving.exceptions import FlagError

_PACKAGE = "tensorflow.serving"
_REPEATED = "repeated "
_INT64 = f".{_PACKAGE}.Int64Value"
_MESSAGES: dict[str, list[tuple[str, str]]] = {  # fields in the order of their numbers
    # config/ssl_config.proto
    "SSLConfig": [
        ("server_key", "TYPE_STRING"),
        ("server_cert", "TYPE_STRING"),
        ("custom_ca", "TYPE_STRING"),
        ("client_verify", "TYPE_BOOL"),
    ],
    # config/monitoring_config.proto
    "PrometheusConfig": [("enable", "TYPE_BOOL"), ("path", "TYPE_STRING")],
    "MonitoringConfig": [("prometheus_config", f".{_PACKAGE}.PrometheusConfig")],
    # servables/tensorflow/session_bundle_config.proto, whose wrapped values look like these two as text
    "Int64Value": [("value", "TYPE_INT64")],
    "StringValue": [("value", "TYPE_STRING")],
    "BatchingParameters": [
        ("max_batch_size", _INT64),
        ("batch_timeout_micros", _INT64),
        ("max_enqueued_batches", _INT64),
        ("num_batch_threads", _INT64),
        ("thread_pool_name", f".{_PACKAGE}.StringValue"),
        ("allowed_batch_sizes", f"{_REPEATED}TYPE_INT64"),
        ("pad_variable_length_inputs", "TYPE_BOOL"),
    ],
}


def read_text_proto(flag: str, file: Path, name: str) -> Any:
    """Read a file that a flag names.

    Args:
        flag: with its dashes, for the error.
        file: the file.
        name: the message's, one of those above.

    Returns:
        The message.

    Raises:
        FlagError: the file cannot be read, or is none.
    """
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
    return message_factory.GetMessageClass(descriptor)()


def _schema() -> descriptor_pb2.FileDescriptorProto:
    schema = descriptor_pb2.FileDescriptorProto(name="serving_configs.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = schema.message_type.add(name=name)
        for number, (field_name, kind) in enumerate(fields, 1):
            repeated = kind.startswith(_REPEATED)
            field = message.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            _set_type(field, kind.removeprefix(_REPEATED))
    return schema


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind.startswith("."):
        field.type_name = kind
        field.type = field.TYPE_MESSAGE
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(kind)
