"""Tells what the hyperparameters of a search are good for: one encoder, and one set of labels."""

import json
from collections.abc import Mapping
from typing import Any

from tfx_modules.settings.task import TaskKind, TaskSettings


def searched_for(encoder: Mapping[str, Any], task: TaskSettings) -> str:
    """Return as text what a search is made for; hyperparameters are handed on where the text is the same.

    A learning rate that is good for one encoder ruins another. An encoder is known by its weights, so that its folder
    may move. How many tokens are read, from which score on a text has a label, and the order of labels do not matter.

    Args:
        encoder: its fields, as components get them.
        task: the pipeline's.
    """
    labels = task.classes if task.kind is TaskKind.BINARY else sorted(task.classes)
    weights = encoder.get("weights_sha256") or encoder.get("source")
    return json.dumps({"encoder": weights, "task": [task.kind, *labels]}, ensure_ascii=False, sort_keys=True)
