"""Writes the report of a node that has ended, where there is one for its component."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tfx_modules.common.files import make_folder, write_atomically
from tfx_modules.report_page.document import FILE
from tfx_modules.reports import card
from tfx_modules.reports.node_record import NodeRecord

_logger = logging.getLogger(__name__)


def write(class_paths: Sequence[str], record: NodeRecord) -> Path | None:
    """Write the report of a node beside its output, unless it is there already.

    It never raises: a node that has done its work does not fail for a page. The log has the error then, and Airflow
    says that there is no report.

    Args:
        class_paths: the component's class and its base classes with their modules, the most special one first.
        record: what the node has made.

    Returns:
        The page's file; None where none was written.
    """
    page = next((PAGES[path] for path in class_paths if path in PAGES), None)
    if page is None:
        return None
    started = time.monotonic()
    try:
        output, render = page()
        file = record.folder(output) / FILE
        if _is_written(file):
            return None  # the outputs are those of an earlier execution
        text = render(record)
        make_folder(file.parent)
        write_atomically(file, text)
    # A page is made of what libraries and users' components have written, and its own faults are not the node's.
    except Exception:
        _logger.exception("the node has succeeded, but its report was not written")
        return None
    _logger.info("wrote the report %s in %.1f s", file, time.monotonic() - started)
    return file


def write_card(pusher: NodeRecord, nodes_of_run: Callable[[Collection[str]], card.Run]) -> None:
    """Write the model card of the version that a Pusher has put into service, unless it is there already.

    Like :func:`write` it never raises.

    Args:
        pusher: what the Pusher has made.
        nodes_of_run: returns the nodes of the Pusher's run that are of the given components. It is called only where
            a card is to be written.
    """
    try:
        if (found := card.place(pusher)) is None or _is_written(found[1]):
            return
        version, file = found
        # No run writes it again, and the reports that it is made of do not stay.
        write_atomically(file, card.render(version, pusher, nodes_of_run(card.KINDS)), durable=True)
    except Exception:
        _logger.exception("the model was promoted, but its model card was not written")
        return
    _logger.info("wrote the model card %s", file)


def _is_written(file: Path) -> bool:
    """Return whether there is a page; an empty file is what a power failure has left of one."""
    return file.is_file() and file.stat().st_size > 0


def _evaluator() -> tuple[str, Callable[[NodeRecord], str]]:
    from tfx_modules.reports import evaluator

    return evaluator.OUTPUT, evaluator.render


def _pusher() -> tuple[str, Callable[[NodeRecord], str]]:
    from tfx_modules.reports import pusher

    return pusher.OUTPUT, pusher.render


def _trainer() -> tuple[str, Callable[[NodeRecord], str]]:
    from tfx_modules.reports import trainer

    return trainer.OUTPUT, trainer.render


def _tuner() -> tuple[str, Callable[[NodeRecord], str]]:
    from tfx_modules.reports import tuner

    return tuner.OUTPUT, tuner.render


PAGES: dict[str, Callable[[], tuple[str, Callable[[NodeRecord], str]]]] = {
    "tfx.components.evaluator.component.Evaluator": _evaluator,
    "tfx_modules.components.pusher.Pusher": _pusher,
    "tfx_modules.components.trainer.Trainer": _trainer,
    "tfx_modules.components.tuner.Tuner": _tuner,
}
"""By a component's class: what imports its page, and returns the output that has it in its folder and the function that
renders it. Most nodes have no page, and need not wait for the import of matplotlib."""
