"""Settings of what a row must be to be used, and of how many may be otherwise.

They are keys of ``[bert_service]`` beside the others.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.labels import normal_label
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import Between, Matches
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import ReadBy

DEFAULT_LABELS = "positive: positive, pos, 1, true; negative: negative, neg, 0, false"
_JSON = "{"
_SEPARATORS = frozenset(":;,")


def read_labels(text: str) -> Mapping[str, str]:
    """Read what a source calls which label.

    Args:
        text: Like ``positive: pos, 1; negative: neg, 0``, or a JSON object like ``{"positive": ["pos", 1]}``, for
            labels with a colon, a semicolon or a comma.

    Returns:
        The name of the label by what a source calls it, both as :func:`normal_label` writes them. Whether the pipeline
        has a label of that name is for :func:`labels_for`.

    Raises:
        SettingsError: The text is of another form, or two labels are called the same.
    """
    labels: dict[str, str] = {}
    for called, name in _json_pairs(text) if text.lstrip().startswith(_JSON) else _pairs(text):
        if (other := labels.setdefault(called, name)) != name:
            raise SettingsError(
                f"[{SECTION}] labels has {called!r} for both {other} and {name}; allowed: each label once. Take it "
                "out of one."
            )
    return labels


def labels_for(task: Task, labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return the pipeline's label by what a source calls it.

    Args:
        task: The pipeline's task.
        labels: The setting ``labels``, from :func:`read_labels`. Its default is that of binary sentiment: for other
            labels it stands for a source that calls each label by its own name.

    Returns:
        The labels as the pipeline's settings write them; the keys are as :func:`normal_label` writes them.

    Raises:
        SettingsError: The setting has a name that is none of the task's labels, or lacks one of them.
    """
    if not task.is_default and labels == read_labels(DEFAULT_LABELS):
        return {normal_label(label): label for label in task.labels}
    found: dict[str, str] = {}
    for called, name in labels.items():
        label = task.label_of(name)
        if label is None:
            part = f"{name}: {', '.join(one for one, other in labels.items() if other == name)}"
            raise SettingsError(f"[{SECTION}] labels has the part {part!r}; {_form(task)}. Write it so.")
        found[called] = label
    if missing := [label for label in task.labels if label not in found.values()]:
        raise SettingsError(f"[{SECTION}] labels has none for {', '.join(missing)}; {_form(task)}. Add one.")
    return found


def _form(task: Task) -> str:
    """Return what is allowed, in words; the labels are task.labels in the pipeline's settings."""
    if task.is_default:
        example = DEFAULT_LABELS
        shorter = "positive: good; negative: bad"
    elif any(_SEPARATORS & set(label) or label.startswith(_JSON) for label in task.labels):
        example = shorter = json.dumps({label: [label] for label in task.labels}, ensure_ascii=False)
    else:
        example = shorter = "; ".join(f"{label}: {label}" for label in task.labels)
    return (
        f"allowed: a text like {example!r}: the label ({', '.join(task.labels)}), and after the colon what the source "
        f"calls it ({shorter})"
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(str.strip, text.split(";")):
        name, _, listed = part.partition(":")
        found = list(filter(None, map(normal_label, listed.split(","))))
        if not found:
            raise SettingsError(
                f"[{SECTION}] labels has the part {part.strip()!r}; {_form(BINARY_SENTIMENT)}. Write it so."
            )
        for called in found:
            yield called, normal_label(name)


def _json_pairs(text: str) -> Iterator[tuple[str, str]]:
    allowed = 'allowed: a JSON object of lists, like {"spam": ["junk", 1], "ham": ["ham"]}'
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError as error:
        raise SettingsError(f"[{SECTION}] labels is no JSON: {error}; {allowed}. Write it so.") from error
    for name, listed in pairs:
        called = [normal_label(one) for one in listed] if isinstance(listed, list) else []
        if not called or not all(called):
            raise SettingsError(f"[{SECTION}] labels has {listed!r} for {name!r}; {allowed}. Write it so.")
        for one in called:
            yield one, normal_label(name)


@dataclass(frozen=True, kw_only=True)
class RowRules(SettingsGroup):
    """What is asked of a day's rows. Not what the pipeline asks of a day's statistics: that is the schema's."""

    labels: Annotated[Mapping[str, str], ReadBy(read_labels, DEFAULT_LABELS)] = field(
        default_factory=lambda: read_labels(DEFAULT_LABELS)
    )
    """What a source calls each label of the pipeline. Upper and lower case are alike, and so are 1, 1.0 and 1.00.
    With labels of your own (``docs/how-to/own-labels.md``) and this default, a source calls each by its own name. A
    JSON object of lists is allowed, too."""
    label_separator: Annotated[
        str, Matches(r"[^\s\w]{1,3}", "one to three characters that are no letters, digits or white space")
    ] = ","
    """Of a multilabel task, what stands between the labels of a row where they are one text, as in CSV. A cell that is
    empty has no label; a list in JSON is read as one."""
    max_bad_share: Annotated[float, Between(0, 1)] = 0.05
    """The largest share of a day's rows that may be unusable. Above it the refresh fails; also where the rows with one
    label are above it, and by more than chance."""
