"""Retries requests whose errors may be transient."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tfx_modules.serving.client.specs import RetryPolicy
from tfx_modules.serving.exceptions import ClientError

T = TypeVar("T")

# Not reachable or stopping (503); too much to do (429). Everything that this client asks may be asked twice.
RETRIED = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
LONGEST_PAUSE_SECONDS = 5.0


def with_retries(call: Callable[[], T], retry_policy: RetryPolicy, *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Call, and again after a pause, as long as the error is one that passes and there are tries left.

    Raises:
        ClientError: the last try's.
    """
    for attempt in range(retry_policy.retries):
        try:
            return call()
        except ClientError as error:
            if error.code not in RETRIED:
                raise
        sleep(_pause(retry_policy, attempt))
    return call()


def _pause(retry_policy: RetryPolicy, attempt: int) -> float:
    longest = min(retry_policy.first_pause_seconds * 2.0**attempt, LONGEST_PAUSE_SECONDS)
    # At random, for clients that were refused together should not come back together.
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
