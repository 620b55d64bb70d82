"""What a served model knows of the engine that computes its answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.specs import Array, TimeLimit

AS_EXPORTED = "as exported"


@dataclass(frozen=True)
class Engine:
    """An engine, and what it computes in.

    Attributes:
        choice: TENSORFLOW or OPENVINO.
        precision: ``int8`` or ``float32``; of TensorFlow, which computes in what the graph has, ``as exported``.
    """

    choice: EngineChoice
    precision: str = AS_EXPORTED

    def __str__(self) -> str:
        return f"{_NAMES[self.choice]} ({self.precision})"


TENSORFLOW = Engine(EngineChoice.TENSORFLOW)
_NAMES = {EngineChoice.TENSORFLOW: "TensorFlow", EngineChoice.OPENVINO: "OpenVINO", EngineChoice.AUTO: "any engine"}


class Runs(Protocol):
    """Computes signatures of one version. Safe to call from several threads at once."""

    @property
    def engine(self) -> Engine:
        """What computes."""

    def run(self, signature: str, given: Sequence[Array], limit: TimeLimit) -> Sequence[Array | bytes]:
        """Compute a signature.

        Args:
            signature: its name; the model has it.
            given: the inputs, in the order of their names.
            limit: when to end.

        Returns:
            The outputs, in the order of their names.

        Raises:
            InvalidRequestError: the model rejects the inputs.
            DeadlineError: the time is over; nothing is begun any more.
            InferenceError: the model failed.
        """
