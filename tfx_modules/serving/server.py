"""Runs the model server: start, serve, drain, stop."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf

from tfx_modules.serving.batching.parameters_file import read_parameters
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.batching_flags import cores
from tfx_modules.serving.flags.server_flags import ServerFlags
from tfx_modules.serving.frontends import Frontends
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.loading import Loader
from tfx_modules.serving.memory import release_memory
from tfx_modules.serving.models.config_file import ConfigFile
from tfx_modules.serving.models.engines.saved_model import Threads
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.model_config import ModelConfig, ServerConfig
from tfx_modules.serving.models.registry import ENGINE_LABELS, Registry
from tfx_modules.serving.models.trouble import Troubles
from tfx_modules.serving.observability.metrics import Info
from tfx_modules.serving.observability.observation import Observation
from tfx_modules.serving.ports import BoundPort
from tfx_modules.serving.warmup import warm_up

HEALTH_SECONDS = 0.25  # how long a health check may be behind
CONNECTION_SECONDS = 0.25  # pause between looks at gRPC's connections
FEW_CORES = 2

_logger = logging.getLogger(__name__)


class ModelServer:
    """The model server, in the event loop that it is made in."""

    def __init__(self, flags: ServerFlags, grpc_port: BoundPort, rest_port: BoundPort) -> None:
        self._flags = flags
        self._observation = Observation(flags.operations.prediction_log)
        self._registry = Registry()
        self._version_loader = Loader(
            flags.engine,
            threads_of(flags, cores()),
            allow_side_effect_ops=flags.operations.security.allow_side_effect_ops,
            warm_up=self._observation.warming(warm_up) if flags.enable_model_warmup else None,
        )
        self._observation.metrics.show(
            Info(":bert_service:serving:version_engine", ENGINE_LABELS, self._registry.engines)
        )
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._manager = ModelManager(
            registry=self._registry,
            loader=self._loader,
            load=self._observation.loading(self._load),
            allow_labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
            count_disk_error=self._observation.metrics.disk_failed,
        )
        self._data_plane = DataPlane(
            self._registry,
            limits=flags.operations.requests,
            batching=read_parameters(flags.batching),
            observe=self._observation.computed,
            observe_batch=self._observation.metrics.batched,
        )
        frontends = Frontends(
            flags.operations,
            self._data_plane,
            self._manager,
            self._observation.metrics,
            grpc_port=grpc_port,
            rest_port=rest_port,
        )
        self._rest, self._grpc, self._ready_line = frontends.rest, frontends.grpc, frontends.ready_line
        self._reload_guard = frontends.reload_guard
        self._troubles = Troubles(self._observation.metrics.disk_failed)
        self._stop_requested = asyncio.Event()

    def _load(self, folder: Path) -> ServedModel:
        model = self._version_loader.load(folder)
        release_memory()
        return model

    async def run(self) -> None:
        """Serve until a signal arrives, then let requests under way finish, up to the deadline.

        Raises:
            FlagError: standard input cannot be watched although a flag asks for it.
            PortError: a port was taken after it had been checked.
            ModelConfigError, LabelError: the model config file is wrong.
        """
        self._listen_for_the_end()
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(self._stop_requested.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():  # only an error ends it
            stopping.cancel()
            serving.result()
        serving.cancel()
        await self._stop()

    def _listen_for_the_end(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_requested.set)
        if not self._flags.stop_when_stdin_closes:
            return
        try:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)
        except OSError as error:
            raise FlagError("--stop_when_stdin_closes needs a pipe as standard input, not a file") from error

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop_requested.set()

    async def _serve(self) -> None:
        gc.collect()
        gc.freeze()  # the imported modules never go away: later garbage collections can skip them
        self._observation.start()
        config_file = await self._first_config()
        self._reload_guard.started_with(model.base_path for model in self._manager.config.models)
        await self._grpc.start()
        await self._rest.start()
        await self._report_health()
        _tell_ready(self._ready_line)
        polls = [
            self._repeat(self._manager.poll, self._flags.file_system_poll_wait_seconds),
            self._repeat(self._report_health, HEALTH_SECONDS),
            self._repeat(self._look_at_connections, CONNECTION_SECONDS),
        ]
        if config_file is not None:
            polls.append(self._repeat(config_file.poll, self._flags.model_config_file_poll_wait_seconds))
        await asyncio.gather(*polls)

    async def _first_config(self) -> ConfigFile | None:
        """Apply the model config that the flags give; return its file, if there is one."""
        if self._flags.model_config_file is not None:
            if self._flags.model_base_path is not None:
                _logger.warning("--model_config_file is given: --model_base_path and --model_name are ignored")
            config_file = ConfigFile(self._flags.model_config_file, self._manager)
            await config_file.load()
            return config_file
        if self._flags.model_base_path is not None:
            model = ModelConfig(self._flags.model_name, self._flags.model_base_path)
            await self._manager.apply(ServerConfig((model,)))
        return None

    async def _repeat(self, poll: Callable[[], Awaitable[None]], pause: float) -> None:
        while pause:
            await asyncio.sleep(pause)
            try:
                await poll()
            except OSError as error:  # no fault of the disk, or lack of descriptors, ends the server
                if self._troubles.is_new(poll, str(error), place="poll"):
                    _logger.warning(
                        "a poll failed: %s; the available versions stay, and the next poll tries again", error
                    )
            else:
                self._troubles.over(poll)
        await self._stop_requested.wait()

    async def _report_health(self) -> None:
        await self._grpc.report_health(serving=self._manager.is_serving)

    async def _look_at_connections(self) -> None:
        self._grpc.connections.look()

    async def _stop(self) -> None:
        seconds = self._flags.drain_seconds
        _logger.info("the server is stopping; requests under way have %.0f s", seconds)
        drained, _, _ = await asyncio.gather(
            self._data_plane.drain(seconds), self._rest.stop(seconds), self._grpc.stop(seconds)
        )
        self._data_plane.close()
        self._observation.stop()
        self._loader.shutdown(wait=False, cancel_futures=True)
        _logger.info(
            "the server has stopped" if drained else "the server has stopped; some requests were not finished in time"
        )


def _tell_ready(line: str) -> None:
    """Print the line that the process that started the server waits for; its file's disk may be full."""
    try:
        print(line, flush=True)
    except OSError as error:
        _logger.warning("cannot write to standard output: %s", error)


def threads_of(flags: ServerFlags, available: int) -> Threads:
    """Return TensorFlow's threads.

    TensorFlow itself counts the machine's cores, not those that this process, or its container, may use.

    Args:
        flags: 0 for what suits.
        available: the cores that this process may use.
    """
    # Where runs have a core each, an operation that is cut in two costs more than it gains.
    suits = 1 if available <= FEW_CORES else available
    return Threads(flags.tensorflow_intra_op_parallelism or suits, flags.tensorflow_inter_op_parallelism or available)


async def serve(flags: ServerFlags, grpc_port: BoundPort, rest_port: BoundPort) -> None:
    """Make a server and run it; see ``ModelServer.run``."""
    threads = threads_of(flags, cores())
    tf.config.threading.set_intra_op_parallelism_threads(threads.intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(threads.inter_op)
    await ModelServer(flags, grpc_port, rest_port).run()
