"""Writes a model's warm-up requests, which a server replays before it serves the model.

TensorFlow Serving's form (``saved_model_warmup.md``): TFRecords of ``PredictionLog`` in a file of ``assets.extra``. The
same settings give the same bytes, since models are identified by the digests of their files.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfx_modules.exceptions import SettingsError

FOLDER = "assets.extra"
FILE = "tf_serving_warmup_requests"
MAX_RECORDS = 1000
"""TensorFlow Serving refuses a model with more."""
# One character: in the vocabulary or not, always one WordPiece.
_WORD = "a"
_FRAME = 2  # [CLS] and [SEP]


def text_of(tokens: int) -> str:
    """Return a text of the given number of WordPieces, [CLS] and [SEP] included."""
    return " ".join([_WORD] * (tokens - _FRAME))


def write(
    folder: str, *, signature: str, argument: str, lengths: Sequence[int], token_ids: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    """Write one Predict request with one text for each length.

    Args:
        folder: the model's, on any file system that TensorFlow knows.
        signature: the one to ask.
        argument: the name of its input, string [batch].
        lengths: in WordPieces, [CLS] and [SEP] included; 2 or more each.
        token_ids: the model's tokenizer, string [batch] to ids [batch, max_tokens], 0 after the text's end.

    Raises:
        SettingsError: a length is more than the tokenizer gives, or there are too many lengths.
    """
    if len(lengths) > MAX_RECORDS:
        raise SettingsError(
            f"{len(lengths)} lengths to warm up; allowed: up to {MAX_RECORDS}. Give fewer training.length_buckets."
        )
    texts = [text_of(length) for length in lengths]
    made = tf.math.count_nonzero(token_ids(tf.constant(texts)), axis=1).numpy().tolist() if texts else []
    if made != list(lengths):
        raise SettingsError(
            f"the model cuts texts of {list(lengths)} WordPieces to {made}; allowed: training.length_buckets up to "
            "encoder.max_tokens. Run Transform again, or change the settings."
        )
    tf.io.gfile.makedirs(tf.io.gfile.join(folder, FOLDER))
    with tf.io.TFRecordWriter(tf.io.gfile.join(folder, FOLDER, FILE)) as writer:
        for text in texts:
            writer.write(_request(signature, argument, text).SerializeToString(deterministic=True))


def _request(signature: str, argument: str, text: str) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    log.predict_log.request.inputs[argument].CopyFrom(tf.make_tensor_proto([text], dtype=tf.string))
    return log
