"""Asks Vertex AI's API: checks requests by its published types, creates a PipelineJob, waits for its end."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry
from google.cloud import aiplatform_v1
from google.protobuf.json_format import ParseError

from tfx_modules.exceptions import SettingsError
from tfx_modules.vertex.errors import ANSWER_SECONDS, PASSING, PATIENCE_SECONDS, telling
from tfx_modules.vertex.spec import custom_jobs

Document = dict[str, Any]

_Jobs = aiplatform_v1.PipelineServiceClient
_State = aiplatform_v1.PipelineState
_ENDED = (
    _State.PIPELINE_STATE_SUCCEEDED,
    _State.PIPELINE_STATE_FAILED,
    _State.PIPELINE_STATE_CANCELLED,
    _State.PIPELINE_STATE_PAUSED,
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """How a job has ended."""

    state: str
    """Like ``succeeded``."""
    failures: tuple[str, ...]
    """What the job and its tasks have failed of, a line each."""

    @property
    def is_good(self) -> bool:
        """Whether all of its tasks have succeeded."""
        return self.state == "succeeded"


class VertexAI:
    """Vertex AI's API of a region.

    Args:
        endpoint: the API's host, and a port where it is not 443.

    Raises:
        VertexError: there are no credentials.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        with self._telling():
            self._jobs = _Jobs(client_options=ClientOptions(api_endpoint=endpoint))

    def create(self, request: Document) -> str:
        """Create a PipelineJob, which runs from then on.

        Args:
            request: as :func:`checked` takes it.

        Returns:
            The job's name, ``projects/NUMBER/locations/REGION/pipelineJobs/ID``.

        Raises:
            SettingsError: the request is not one of the API's.
            VertexError: the API cannot be reached, or refuses the request.
        """
        message = checked(request)
        with self._telling():
            return str(self._jobs.create_pipeline_job(request=message, timeout=ANSWER_SECONDS).name)

    def wait(self, name: str, seconds: float, tell: Callable[[str], None], patience: float = PATIENCE_SECONDS) -> Ended:
        """Wait until a job has ended.

        Args:
            name: the job's.
            seconds: between two looks.
            tell: is called with the state whenever it changes.
            patience: seconds for which a look is repeated while the API is unavailable or answers with 429.

        Raises:
            VertexError: the API cannot be reached, or does not tell the state; the job goes on.
        """
        retry = Retry(predicate=PASSING, timeout=patience)
        told = ""
        while True:
            with self._telling():
                job = self._jobs.get_pipeline_job(name=name, retry=retry, timeout=ANSWER_SECONDS)
            state = job.state.name.removeprefix("PIPELINE_STATE_").lower()
            if state != told:
                tell(state)
                told = state
            if job.state in _ENDED:
                return Ended(state, tuple(_failures(job)))
            time.sleep(seconds)

    def _telling(self) -> AbstractContextManager[None]:
        return telling(
            self._endpoint,
            "Look at project, region and network, and whether you may create jobs there as the service account.",
            "Look at that job, or name another --job-id for a second run.",
        )


def checked(request: Document) -> aiplatform_v1.CreatePipelineJobRequest:
    """Return a request as a message of the API, after the custom jobs in its spec were read as messages, too.

    Raises:
        SettingsError: a field or a value is not one of the API's, like a GPU that Vertex AI does not have.
    """
    try:
        for task, job in custom_jobs(request["pipelineJob"]["pipelineSpec"]).items():
            where = f"the custom job of {task}"
            aiplatform_v1.CustomJob.from_json(json.dumps(job))
        where = "the pipeline job"
        return aiplatform_v1.CreatePipelineJobRequest.from_json(json.dumps(request))
    except ParseError as error:
        raise SettingsError(
            f"{where} is none that Vertex AI's API knows: {str(error).rstrip('.')}. Look at --machine: GPUs have the "
            "names of the API's AcceleratorType, like NVIDIA_TESLA_T4."
        ) from error


def _failures(job: aiplatform_v1.PipelineJob) -> Iterator[str]:
    if job.error.message:
        yield job.error.message
    for task in job.job_detail.task_details:
        if task.state == aiplatform_v1.PipelineTaskDetail.State.FAILED:
            yield f"{task.task_name}: {task.error.message or 'failed; its log says why'}"
