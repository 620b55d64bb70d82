"""The errors of the TFX side, as one tree.

::

    PipelineError
    ├── SettingsError          the settings file, a setting or a command-line value
    ├── EncoderError         the pretrained encoder: missing, of another kind, other bytes
    ├── MissingSpanError     a day that a run should read is not there
    ├── HoldoutError         the holdout's file is not the one that the run names, or no holdout
    ├── ScoringError         a model was not scored, or there are no reviews to score it on
    │   └── UnusableModelError   it never will be: it cannot be loaded, or is no model of ours
    ├── CodeVersionError     what code a node runs cannot be found out when the pipeline is compiled
    ├── PipelineFunctionError   a user's function makes no pipeline that can be compiled
    ├── UnsupportedPipelineError   the runner cannot run what a pipeline has
    ├── NodeError            a node of the compiled pipeline cannot be run
    ├── ArtifactStoreError   an artifact cannot be fetched from the artifact store, or kept there
    ├── InterruptedNodeError   Ctrl-C ended a node of a local run
    ├── InteractiveError     a notebook's run was asked for something that cannot be run
    ├── BeamWorkerError      a process that worked for a node's Beam pipeline died
    ├── BeamServerError      Beam would need a server that is not private, or got a request that is not allowed
    ├── RetentionError       retention cannot list or remove something (``tfx_modules.retention.exceptions``)
    ├── BatchScoringError    a day's texts were not scored: the request, the texts or the model
    ├── VertexError          Vertex AI cannot be asked, or refuses what it is asked for
    │   ├── VertexRefusalError   a repeat is refused, too: credentials, rights, or what was asked for
    │   ├── CopyMissingError     a version's copy is not in Cloud Storage, or not complete yet
    │   └── EndpointBusyError    an endpoint takes no change now: another one is made, or was made meanwhile
    ├── SearchError          all trials of a search of hyperparameters have failed, or several in a row
    ├── GateError            data or model stopped the run; the message says why, with numbers
    ├── EngineFileError      what a version carries for an engine beside TensorFlow is damaged or of another version
    └── ServingError         the model server cannot start, load or answer
"""


class PipelineError(Exception):
    """Base of every error that this side raises on purpose."""


class SettingsError(PipelineError):
    """A setting has a value that is not allowed."""


class EncoderError(PipelineError):
    """The pretrained encoder cannot be used."""


class MissingSpanError(PipelineError):
    """A day of the run's window has no span folder."""


class HoldoutError(PipelineError):
    """The holdout's file is not the one that the run names, or no holdout."""


class ScoringError(PipelineError):
    """A model was not scored, or there are no reviews to score it on; the message says which."""


class UnusableModelError(ScoringError):
    """A model has no scores, and trying again would not give it any."""


class CodeVersionError(PipelineError):
    """What code a node runs cannot be found out, so that it would have no honest code version."""


class PipelineFunctionError(PipelineError):
    """A file or function of a user's makes no pipeline that can be compiled; the message says why."""


class UnsupportedPipelineError(PipelineError):
    """A pipeline has something that this project's runner cannot run; the message names it."""


class NodeError(PipelineError):
    """The node command was asked for something that the compiled pipeline cannot do."""


class ArtifactStoreError(PipelineError):
    """An artifact cannot be fetched from the artifact store, or kept there; the message says why."""


class InterruptedNodeError(PipelineError):
    """Ctrl-C ended a node that runs in the terminal's own process."""


class InteractiveError(PipelineError):
    """A notebook's run was asked for something that cannot be run; the message says what is allowed."""


class BeamWorkerError(PipelineError):
    """A process that worked for a node's Beam pipeline died."""


class BeamServerError(PipelineError):
    """Beam would need a server that others reach, or a job service asks for what is not the pipeline's."""


class BatchScoringError(PipelineError):
    """A day's texts were not scored; the message says what is wrong with the request, the texts or the model."""


class VertexError(PipelineError):
    """Vertex AI cannot be asked, or refuses what it is asked for; the message has its answer."""


class VertexRefusalError(VertexError):
    """Vertex AI refuses, and refuses a repeat: credentials, rights, or what was asked for are wrong."""


class CopyMissingError(VertexError):
    """A version's copy is not in Cloud Storage, or not complete yet."""


class EndpointBusyError(VertexError):
    """An endpoint takes no change now: another one is made, or was made since it was read."""


class SearchError(PipelineError):
    """A search of hyperparameters has found none: its trials have failed."""


class GateError(PipelineError):
    """A gate stopped the run."""


class EngineFileError(PipelineError):
    """What a version carries for an engine beside TensorFlow cannot be used; the message says why."""


class ServingError(PipelineError):
    """The model server cannot start, load a model or answer."""
