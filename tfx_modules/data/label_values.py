"""Turns the label that a span or a holdout has of a text into what examples and review sets have of it."""

from tfx_modules.settings.labels import read_set
from tfx_modules.settings.task import TaskSettings


def label_numbers(text: str, task: TaskSettings) -> tuple[int, ...]:
    """Return a label as the feature ``label`` has it.

    Args:
        text: the label; of a multilabel task a list of labels, as ``set_text`` writes it.
        task: with the labels.

    Returns:
        The number of the label's class; of a multilabel task 0 or 1 for each class. Empty where the text is none of the
        task's labels.
    """
    if not task.has_sets:
        return (task.classes.index(text),) if text in task.classes else ()
    found = read_set(text)
    if found is None or not set(found) <= set(task.classes):
        return ()
    return tuple(int(label in found) for label in task.classes)


def label_names(text: str, task: TaskSettings) -> tuple[str, ...]:
    """Return a label in words, as the feature ``sentiment`` has it; of a multilabel task none, or several.

    A text that cannot be read is one unknown label, so that the data gate sees it.
    """
    found = read_set(text) if task.has_sets else None
    return (text,) if found is None else found
