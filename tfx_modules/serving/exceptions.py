"""The errors of the model server, as one tree, and the table from error to status code.

::

    ServingError                    tfx_modules.exceptions
    ├── FlagError                   the command line
    ├── PortError                   a port cannot be bound
    ├── ModelLoadError              a version's folder holds no model that can be loaded
    │   ├── WarmupError             a model fails on its warm-up requests
    │   ├── ForbiddenOpError        its graph could do more than compute
    │   └── ModelUnreadableError    its files cannot be read now
    ├── ServerProcessError          a server run as a child process did not start
    ├── ContainerError              a container of a Vertex endpoint cannot serve what it is told to
    ├── StorageError                a model's files in Cloud Storage cannot be read
    │   └── MissingObjectError      one of them is not there
    ├── ClientError                 the client got no answer
    └── RequestError                the answer to a client; has a status
        ├── InvalidRequestError     the request's form or content
        ├── NotServedError          no such model or version
        │   └── UnknownLabelError   no version has that label
        ├── ModelConfigError        a model config cannot be used
        ├── LabelError              a label is given to a version that is not available
        ├── ModelsUnavailableError  models of a new config could not be loaded
        ├── SignatureNotFoundError  the model has no such signature
        ├── SignatureFormError      the signature lacks what the method needs
        ├── UnsupportedMethodError  a method that this server does not have
        ├── DrainingError           the server is stopping
        ├── OverloadedError         more, or larger, requests than the limits allow
        ├── DeadlineError           the request's time is over
        ├── UnauthenticatedError    no API key, or a wrong one
        ├── ForbiddenError          nobody may, or not with this key, or not there
        └── InferenceError          the model itself failed
"""

from dataclasses import dataclass

from tfx_modules.exceptions import ServingError


class FlagError(ServingError):
    """A flag is unknown, missing or has a value that is not allowed."""


class PortError(ServingError):
    """A port is taken, or the host's address is not this machine's."""


class ModelLoadError(ServingError):
    """A version's folder does not hold a model that can be loaded."""


class WarmupError(ModelLoadError):
    """A version's warm-up requests cannot be read, or its model does not answer them."""


class ForbiddenOpError(ModelLoadError):
    """A model has an op with effects outside of its session, and no flag allows that."""


class ModelUnreadableError(ModelLoadError):
    """The disk does not give a version's files now; what it gives at the next poll may be all that is needed."""


class ServerProcessError(ServingError):
    """A model server that runs as a child process did not become ready."""


class ContainerError(ServingError):
    """A container of a Vertex endpoint cannot serve what it is told to; the message says why."""


class StorageError(ServingError):
    """A model's files in Cloud Storage cannot be read."""


class MissingObjectError(StorageError):
    """An object is not where it should be in Cloud Storage."""


class ClientError(ServingError):
    """The client got no answer that it can use, or cannot ask.

    Attributes:
        code: the answer's status as gRPC's ``StatusCode`` names it; empty where there was no status.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class RequestError(ServingError):
    """Base of the errors that a client gets as an answer."""


class InvalidRequestError(RequestError):
    """The request does not have the form, or the tensors, that it should."""


class NotServedError(RequestError):
    """The model or the version is not served (yet, or any more)."""


class UnknownLabelError(NotServedError):
    """No version of the model has that label."""


class ModelConfigError(RequestError):
    """A model server config cannot be read, contradicts itself, or asks for what is not supported."""


class LabelError(RequestError):
    """A config gives a label to a version that is not available."""


class ModelsUnavailableError(RequestError):
    """A config was taken, but new models in it have no version that can be loaded."""


class SignatureNotFoundError(RequestError):
    """The model has no signature of that name."""


class SignatureFormError(RequestError):
    """The signature does not have the inputs or outputs that the method needs."""


class UnsupportedMethodError(RequestError):
    """A method that this server does not have."""


class DrainingError(RequestError):
    """The server takes no more requests because it is about to stop."""


class OverloadedError(RequestError):
    """The request is one too many, or too large."""


class DeadlineError(RequestError):
    """The request's time was over before it was answered."""


class UnauthenticatedError(RequestError):
    """The request has no API key, or a wrong one."""


class ForbiddenError(RequestError):
    """The server was not started to do that, or not for this caller or this folder."""


class InferenceError(RequestError):
    """The model failed on a request that had the right form."""


@dataclass(frozen=True)
class Status:
    """A status in both protocols.

    Attributes:
        code: the name that gRPC's ``StatusCode`` and TensorFlow's ``error.Code`` share.
        http: the HTTP status that TensorFlow Serving gives for that code.
    """

    code: str
    http: int


UNKNOWN = Status("UNKNOWN", 500)

_STATUSES: dict[type[ServingError], Status] = {
    InvalidRequestError: Status("INVALID_ARGUMENT", 400),
    NotServedError: Status("NOT_FOUND", 404),
    UnknownLabelError: Status("INVALID_ARGUMENT", 400),  # there too, and not NOT_FOUND
    ModelConfigError: Status("INVALID_ARGUMENT", 400),
    LabelError: Status("FAILED_PRECONDITION", 400),
    ModelsUnavailableError: Status("UNKNOWN", 500),
    SignatureNotFoundError: Status("FAILED_PRECONDITION", 400),
    SignatureFormError: Status("FAILED_PRECONDITION", 400),
    UnsupportedMethodError: Status("UNIMPLEMENTED", 501),
    DrainingError: Status("UNAVAILABLE", 503),
    OverloadedError: Status("RESOURCE_EXHAUSTED", 429),
    DeadlineError: Status("DEADLINE_EXCEEDED", 504),
    UnauthenticatedError: Status("UNAUTHENTICATED", 401),
    ForbiddenError: Status("PERMISSION_DENIED", 403),
    InferenceError: Status("INTERNAL", 500),
    ForbiddenOpError: Status("PERMISSION_DENIED", 403),
    ModelUnreadableError: Status("UNAVAILABLE", 503),
    ModelLoadError: Status("INVALID_ARGUMENT", 400),
}


def status_of(error: ServingError) -> Status:
    """Return the status of an error; UNKNOWN for one that is not meant for clients."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), UNKNOWN)
