"""A label names a version that is available; one that is in use never moves to one that is not."""

from pathlib import Path

import pytest

from tfx_modules.serving.exceptions import LabelError, status_of
from tfx_modules.serving.models.labels import check_labels
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.model_config import ModelConfig
from tfx_modules.serving.models.registry import Registry

NAME = "reviews"


@pytest.fixture
def registry(served_model: ServedModel) -> Registry:
    """Versions 1 and 2 are available, and 1 is stable."""
    made = Registry()
    for version in (1, 2):
        made.begin(NAME, version)
        made.publish(NAME, version, served_model)
    made.set_labels(NAME, {"stable": 1})
    return made


def check(registry: Registry, *, allow: bool, name: str = NAME, **labels: int) -> None:
    check_labels(registry, [ModelConfig(name, Path("/m"), labels=labels)], allow_unavailable=allow)


@pytest.mark.parametrize("allow", [False, True])
def test_an_available_version_may_have_any_label(registry: Registry, *, allow: bool) -> None:
    check(registry, allow=allow, stable=2, canary=2)


def test_a_version_that_is_not_available_gets_none(registry: Registry) -> None:
    with pytest.raises(LabelError, match="to version 3 of model reviews, which is not currently available") as caught:
        check(registry, allow=False, stable=1, canary=3)
    assert "'canary'; load that version first, or start with --allow_version_labels_for" in str(caught.value)
    assert status_of(caught.value).code == "FAILED_PRECONDITION"


def test_a_version_of_another_model_does_not_count(registry: Registry) -> None:
    with pytest.raises(LabelError, match="version 1 of model other"):
        check(registry, allow=False, name="other", stable=1)


def test_where_it_is_allowed_a_new_label_may_be_ahead_of_its_version_but_none_in_use_may_move_there(
    registry: Registry,
) -> None:
    check(registry, allow=True, canary=3)
    with pytest.raises(LabelError, match="load that version first, beside the one that the label names now"):
        check(registry, allow=True, stable=3)


def test_a_label_may_stay_with_a_version_that_is_retired_only_where_that_is_allowed(registry: Registry) -> None:
    registry.retire(NAME, 1)
    check(registry, allow=True, stable=1)
    with pytest.raises(LabelError, match="version 1"):
        check(registry, allow=False, stable=1)
