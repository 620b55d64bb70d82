"""Configures the node's log, which users read as the log of an Airflow task."""

import io
import logging
import os
import sys
import time
import warnings

_LONGEST = 400
"""Characters; TFX logs whole protos."""
_NOISY = ("aiobotocore", "apache_beam", "botocore", "h5py", "matplotlib", "numexpr", "urllib3")
_TFX_LOGGER = "absl"
_NEEDLESS = (
    # Compiled pipelines have no metadata connection; the request says which store.
    "metadata_connection_config is not provided by IR",
    "MetadataStore with DB connection initialized",
    "Cleaning up stateless execution info",
    "Cleaning up stateful execution info",
    "stateful_working_dir",
    # Said of every feature of every graph.
    "Setting to varlen_sparse_tensor",
    "Setting to DenseTensor",
    # Said of every query for inputs.
    "ArtifactQuery.property_predicate is not supported",
    # Libraries that TFX can do without.
    "is not available",
    "imported tensorflow_text",
)


class _Shortened(logging.Filter):
    """Cuts TFX's info messages to their first line, and drops the useless ones. Errors and warnings stay whole."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != _TFX_LOGGER or record.levelno >= logging.ERROR:
            return True
        text = record.getMessage()
        if any(part in text for part in _NEEDLESS):
            return False
        if record.levelno <= logging.INFO:
            record.msg, record.args = shorten(text), ()
        return True


class _EveryLine(logging.Formatter):
    """Begins every line of a message with time (UTC) and level, those of a traceback too."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        head = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%SZ')} {record.levelname} "
        return "\n".join(head + line for line in super().format(record).split("\n"))


def shorten(text: str) -> str:
    """Cut a text to its first line and to a length, and say how much was left out."""
    first = text.strip().partition("\n")[0]
    cut = first[:_LONGEST]
    left = len(text.strip()) - len(cut)
    return f"{cut} ... ({left} characters more)" if left else cut


def configure() -> None:
    """Send the log to stderr from INFO on, each line with time and level; call it before TensorFlow is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Once this Python is past its end, logged for each Google package that TFX imports; TFX chooses the Python.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_EveryLine())
    handler.addFilter(_Shortened())
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A line that the node prints shall stand where it belongs among those that it logs.
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def tame_libraries() -> None:
    """Make the imported libraries log through the handler of ``configure``, each message once."""
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.INFO)
    logging.getLogger("tensorflow").handlers.clear()
