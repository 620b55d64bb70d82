"""Sees to it that the process may open as many files as its connections need."""

import logging
import resource

RESERVED = 256  # for models, logs, libraries

_logger = logging.getLogger(__name__)


def allow_connections(connections: int) -> None:
    """Raise the soft limit of open files as far as that many connections need it; warn where the hard one is lower."""
    needed = connections + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    if allowed < needed:
        _logger.warning(
            "this process may open %d files, and %d connections may need %d; lower --rest_max_connections and "
            "--grpc_max_connections, or raise the limit (ulimit -Hn)",
            allowed,
            connections,
            needed,
        )
