"""Checks the labels of a config, by the rules of TensorFlow Serving's ``serving_config.md``."""

from collections.abc import Iterable

from tfx_modules.serving.exceptions import LabelError, UnknownLabelError
from tfx_modules.serving.models.model_config import ModelConfig
from tfx_modules.serving.models.registry import Registry


def check_labels(registry: Registry, models: Iterable[ModelConfig], *, allow_unavailable: bool) -> None:
    """Check that the labels of a config may be set.

    Args:
        registry: tells which versions are available, and what the labels name now.
        models: with the labels that they are to have.
        allow_unavailable: let a new label name a version that is not available yet. A label that is in use may never
            move to one, so that requests with it go on being answered.

    Raises:
        LabelError: a version is not available.
    """
    for model in models:
        for label, version in model.labels.items():
            if version in registry.available(model.name):
                continue
            moves = _named_now(registry, model.name, label) not in (None, version)
            if moves or not allow_unavailable:
                raise LabelError(
                    f"Request to assign label to version {version} of model {model.name}, which is not currently "
                    f"available for inference: label {label!r}; {_WAY_OUT[moves]}"
                )


_WAY_OUT = {
    True: "load that version first, beside the one that the label names now",
    False: "load that version first, or start with --allow_version_labels_for_unavailable_models",
}


def _named_now(registry: Registry, name: str, label: str) -> int | None:
    try:
        return registry.resolve_label(name, label)
    except UnknownLabelError:
        return None
