"""Lists the TensorFlow ops that a served model may have: those that compute, and change nothing outside its session.

A SavedModel is a program; TensorFlow's ``SECURITY.md`` says to run only what one trusts. ``saved_model_cli scan`` looks
for three ops, ReadFile, WriteFile and PrintV2. This list is the other way about:

- Ops that TensorFlow's registry marks stateful are refused, unless they are named here: their state is the session's.
- Ops that it does not mark stateful are allowed, unless they are named here: the mark only tells the optimiser what may
  be computed twice, so that ReadFile, for example, does not have it.
- Ops of input pipelines (datasets, readers), of TPUs and of distributed tensors are refused as a whole: they read
  files, run graphs that come as data, or reach other hosts, and a model that is served needs none of them.

Names are those of TensorFlow 2.21 and TensorFlow Text. A test goes through the registry for inputs and attributes that
are called like files, paths or addresses.
"""

import re
from typing import Any

from tensorflow.core.framework import node_def_pb2
from tensorflow.python.framework import op_def_registry

_STATEFUL_NAMES = """
    Assert Case CheckNumerics CheckNumericsV2 DeepCopy DeviceIndex Empty GraphDefVersion GuaranteeConst If
    IsResourceHandleRefCounting IsTensorFloat32Enabled Print PrintV2 StatefulPartitionedCall Timestamp While
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp DisableCopyOnRead ReadVariableOp
    TemporaryVariable VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2
    InitializeTableV2 LookupTableExportV2 LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2 LookupTableRemoveV2
    LookupTableSizeV2
    ConsumeMutexLock MutexLock MutexV2
    AllCandidateSampler LearnedUnigramCandidateSampler LogUniformCandidateSampler ThreadUnsafeUnigramCandidateSampler
    UniformCandidateSampler
    Multinomial NonDeterministicInts ParameterizedTruncatedNormal RandomCrop RandomGamma RandomPoisson RandomPoissonV2
    RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip RngSkip SampleDistortedBoundingBox
    SampleDistortedBoundingBoxV2 StatefulRandomBinomial StatefulStandardNormal StatefulStandardNormalV2
    StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt StatefulUniformInt StatelessRandomGetAlg
    TruncatedNormal
    WordpieceTokenizeWithOffsets
"""
_STATEFUL_KINDS = re.compile(
    r"(Anonymous)?(Mutable|MutableDense)?HashTable(OfTensors)?(V2)?"
    r"|TensorArray\w*|Stack(Push|Pop|Close)?(V2)?"
    r"|Resource(Gather|Scatter)\w*|ResourceStridedSliceAssign|ResourceCountUpTo"
    r"|Sentencepiece\w+|BoostedTrees\w+|IsBoostedTrees\w+|CudnnRNN\w*"
)
_REFUSED_NAMES = """
    ReadFile MatchingFiles ImmutableConst GenerateVocabRemapping
    PyFuncStateless Abort MlirPassthroughOp TfLiteSubgraphExecute TRTEngineOp XlaCustomCall XlaCustomCallV2 XlaLaunchV2
    DebugIdentity DebugNanCount DebugNumericSummary Copy CopyHost
    GetElementAtIndex GetOptions InfeedEnqueuePrelinearizedBuffer InitializeTableFromTextFile
"""
_REFUSED_KINDS = re.compile(r"_.*|\w*(Dataset|Iterator)\w*|Reader\w+|T[Pp][Uu]\w+|DTensor\w+|CopyToMesh\w*|Relayout\w*")

_STATEFUL, _REFUSED = frozenset(_STATEFUL_NAMES.split()), frozenset(_REFUSED_NAMES.split())

SAVING = frozenset({"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"})
"""Ops that write checkpoints; every model has some, which nobody runs in a server."""
RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
"""Ops that read checkpoints; loading runs those of the model's saver. Their first input is the file."""
TEXT_TABLES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""Ops that read a vocabulary; loading runs them. Their second input is the file."""

_STREAMS = frozenset({"", "stderr", "stdout", "log(info)", "log(warning)", "log(error)"})


def only_computes(node: node_def_pb2.NodeDef) -> bool:
    """Return whether an op has no effect outside of its session; true also for names that TensorFlow does not know."""
    definition: Any = op_def_registry.get(node.op)
    if definition is None:  # a function of the model, or an op that cannot be loaded
        return not node.op.startswith("_")
    if node.op in _REFUSED or _REFUSED_KINDS.fullmatch(node.op):
        return False
    if definition.is_stateful and node.op not in _STATEFUL and not _STATEFUL_KINDS.fullmatch(node.op):
        return False
    return _attributes_are_harmless(node)


def _attributes_are_harmless(node: node_def_pb2.NodeDef) -> bool:
    if node.op == "PrintV2":  # may append to a file
        return _text(node, "output_stream") in _STREAMS
    if node.op in ("DecodeProtoV2", "EncodeProto"):  # may read descriptors from a file
        source = _text(node, "descriptor_source")
        return source in ("", "local://") or source.startswith("bytes://")
    return True


def _text(node: node_def_pb2.NodeDef, name: str) -> str:
    return bytes(node.attr[name].s).decode("utf-8", "backslashreplace") if name in node.attr else ""
