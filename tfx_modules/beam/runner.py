"""Makes the Beam pipelines of a node, by ``beam_pipeline_args`` or with workers by the size of its input."""

import os
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, SetupOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from tfx_modules.beam import servers
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.workers import ForkingRunner
from tfx_modules.exceptions import SettingsError

BYTES_PER_WORKER = 4 << 20
"""Input that a further worker is worth: with less, starting it takes longer than it saves (``docs/how-to/beam.md``)."""
_LOCAL_RUNNERS = ("", "direct", "directrunner")
_FORKED = "forked"
_IMPORTED_FIRST = "tfx"
"""By every worker, before its functions: TFX puts something in place of ``tfx_bsl.arrow.sql_util``, which tfx_bsl no
longer has, and which TFDV 1.16 cannot be imported without."""


def worth(size: int) -> int:
    """Return the number of workers for an input: one for every ``BYTES_PER_WORKER``, at most one a core.

    Args:
        size: bytes of the input.

    Returns:
        1 or more; 1: Beam runs in the node's own process.
    """
    return max(1, min(len(os.sched_getaffinity(0)), size // BYTES_PER_WORKER))


def local_pipeline(workers: int, forker: Forker) -> beam.Pipeline:
    """Make a pipeline that runs on this machine.

    Args:
        workers: 1: it runs in this process; more: in so many of the forker's.
        forker: forks them.
    """
    servers.close_beam()
    options = _options([])
    info = _provision_info(options)
    if workers == 1:
        return beam.Pipeline(runner=fn_runner.FnApiRunner(provision_info=info), options=options)
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = workers
    # None of Beam's own modes, which would each replace the environment.
    direct.direct_running_mode = _FORKED
    return beam.Pipeline(runner=ForkingRunner(forker, provision_info=info), options=options)


def pipeline_of(arguments: Sequence[str]) -> beam.Pipeline:
    """Make a pipeline from Beam's arguments.

    Args:
        arguments: the setting ``beam_pipeline_args``.

    Raises:
        SettingsError: Beam refuses them.
    """
    servers.close_beam()
    try:
        options = _options(arguments)
        local = (options.view_as(StandardOptions).runner or "").lower() in _LOCAL_RUNNERS
        # Beam's DirectRunner would be this one too, but tries first to download another one from the internet.
        runner = fn_runner.FnApiRunner(provision_info=_provision_info(options)) if local else None
        return beam.Pipeline(runner=runner, options=options)
    # Beam's parser prints what is wrong and ends the process; its runners raise these.
    except (SystemExit, ValueError, ImportError, AttributeError) as error:
        raise SettingsError(
            f"setting beam_pipeline_args is {list(arguments)!r}, which Beam refuses: {error}; the log may say more. "
            "Correct it in the pipeline's settings file, or leave it out; docs/how-to/beam.md has examples."
        ) from error


def _options(arguments: Sequence[str]) -> PipelineOptions:
    options = PipelineOptions(list(arguments))
    setup = options.view_as(SetupOptions)
    setup.beam_plugins = [_IMPORTED_FIRST, *(setup.beam_plugins or [])]
    return options


def _provision_info(options: PipelineOptions) -> fn_runner.ExtendedProvisionInfo:
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    return fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))
