"""Reads the reports of tasks: HTML pages in an artifact's folder, which Airflow's API server shows."""

import errno
import html
import os
import re
import stat
from pathlib import Path
from urllib.parse import quote, urlsplit

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import ReportError
from airflow_bert_service.pipeline.name import dag_ids

URL_PREFIX = "/bert_service"
"""URL path of this plugin's pages on Airflow's API server."""
REPORT_FILE = "report.html"
"""Name of a report's file: one HTML page with its pictures inside, without scripts."""
_PIPELINE = re.compile(r'<meta name="pipeline" content="([^"]*)"')
_NAME = re.compile(r"[\w.=+-]+")
_HEAD_BYTES = 2048
"""Where a page names its pipeline: at its beginning."""


def report_uri(artifact_uri: str) -> str:
    """Return the address of the report in an artifact's folder."""
    return f"{artifact_uri.rstrip('/')}/{REPORT_FILE}"


def report_page(base_url: str, *, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """Return the URL of a task's report on Airflow's API server, without the host.

    Args:
        base_url: ``[api] base_url``; empty where it is not set.
        dag_id: The DAG's id.
        run_id: The run's id.
        task_id: The task's id.
        map_index: Of a mapped task; -1 for others.

    Returns:
        Path and query, without the host: a user may know the server by another name than Airflow does, as through a
        tunnel.
    """
    path = "/".join(quote(part, safe="") for part in (dag_id, run_id, task_id))
    query = f"?map_index={map_index}" if map_index >= 0 else ""
    return f"{urlsplit(base_url).path.rstrip('/')}{URL_PREFIX}/reports/{path}{query}"


def read_report(uri: str, root: Path, dag_id: str, *, store: str = "", stored_as: str = "") -> bytes:
    """Read a report of a DAG's pipeline.

    A page names its pipeline in its head. One that an earlier release wrote names none: it is read for any DAG, as
    earlier releases did, so that whoever may edit one DAG can read such pages of all.

    Args:
        uri: Its path, which any task may have left.
        root: The folder that it has to be in; all pipelines have theirs in it.
        dag_id: The DAG whose task names it.
        store: The artifact store's address; empty: there is none, and the file at the path is read.
        stored_as: The name that the store has its artifact by, which any task may have left, too; empty: the artifact
            was made without a store, and the file at the path is read.

    Returns:
        The page, as HTML in UTF-8.

    Raises:
        ReportError: It is not one of a report in ``root`` or ``store``; it was not read. Or the page is another
            pipeline's.
        OSError: There is no file at that path, or the store does not give it.
    """
    page = _stored_page(uri, root, store, stored_as) if store and stored_as else _page(uri, root)
    pipeline = _pipeline_of(page)
    if pipeline is not None and dag_id not in dag_ids(pipeline):
        raise ReportError(
            f"the report at {uri!r} is not shown; allowed: one of the pipeline of the DAG {dag_id}, and it is another "
            "pipeline's. Run the task again to write its own."
        )
    return page


def _page(uri: str, root: Path) -> bytes:
    # Links resolved: one that leads out of the folder must not be followed.
    path = None if "\0" in uri else Path(uri).resolve()
    if path is None or path.name != REPORT_FILE or not path.is_relative_to(root.resolve()):
        raise _not_shown(uri, str(root))
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileNotFoundError(path)
    return path.read_bytes()


def _stored_page(uri: str, root: Path, store: str, stored_as: str) -> bytes:
    path = Path(uri)
    if path.name != REPORT_FILE or not path.is_relative_to(root):
        raise _not_shown(uri, f"{root}, which {store} has")
    parts = (*path.parent.relative_to(root).parts, stored_as)
    # The form that nodes write; nothing in it that a store's library would take for something else than a name.
    if not all(_NAME.fullmatch(part) and set(part) != {"."} for part in parts):
        raise _not_shown("/".join((uri, stored_as)), f"{root}, which {store} has")
    # Imported here: pages of a pipeline without a store need none of it.
    import fsspec

    try:
        files, place = fsspec.url_to_fs("/".join((store, *parts, REPORT_FILE)))
        return bytes(files.cat_file(place))
    except OSError as error:
        if error.errno is not None and error.strerror:
            raise
        # The stores' libraries make errors without a number, whose text is the store's answer.
        number = _number_of(error)
        raise OSError(number, f"{os.strerror(number)}: {error}") from error
    except Exception as error:  # each store's library has errors of its own
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


def _number_of(error: OSError) -> int:
    """Return the number of an error that has none, by its kind: Python makes the same kind of it again."""
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    return errno.EACCES if isinstance(error, PermissionError) else errno.EIO


def _not_shown(uri: str, allowed: str) -> ReportError:
    return ReportError(
        f"the report at {without_credentials(uri)!r} is not shown; allowed: a {REPORT_FILE} in {allowed}. Give the API "
        "server the same [bert_service] settings as the tasks."
    )


def _pipeline_of(page: bytes) -> str | None:
    """Return the pipeline that a page names; None: it names none."""
    found = _PIPELINE.search(page[:_HEAD_BYTES].decode("utf-8", "replace"))
    return html.unescape(found[1]) if found else None
