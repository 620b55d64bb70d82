"""Versions: every look-up carries one, and nobody loses the one that it is using."""

import pytest

from tfx_modules.serving.exceptions import NotServedError, UnknownLabelError
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.specs import ModelSpec, VersionState, VersionStatus

NAME = "reviews"


@pytest.fixture
def registry() -> Registry:
    return Registry()


def serve(registry: Registry, version: int, model: ServedModel) -> None:
    registry.begin(NAME, version)
    registry.publish(NAME, version, model)


def state(registry: Registry, version: int) -> VersionState:
    return registry.statuses(ModelSpec(NAME, version))[0].state


def test_the_newest_version_is_the_largest_number(registry: Registry, served_model: ServedModel) -> None:
    for version in (9, 10, 2):
        serve(registry, version, served_model)
    with registry.servable_handle(ModelSpec(NAME)) as handle:
        assert handle.spec == ModelSpec(NAME, 10)
    assert registry.available(NAME) == [10, 9, 2]


def test_a_version_can_be_asked_for(registry: Registry, served_model: ServedModel) -> None:
    for version in (9, 10):
        serve(registry, version, served_model)
    with registry.servable_handle(ModelSpec(NAME, 9)) as handle:
        assert handle.spec.version == 9


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec("other"), r"Servable not found for request: Latest\(other\)"),
        (ModelSpec(NAME, 2), r"Servable not found for request: Specific\(reviews, 2\)"),
    ],
)
def test_what_is_not_served_is_not_found(
    registry: Registry, served_model: ServedModel, spec: ModelSpec, message: str
) -> None:
    serve(registry, 1, served_model)
    with pytest.raises(NotServedError, match=message), registry.servable_handle(spec):
        pass


def test_a_version_that_is_being_loaded_answers_nothing_yet(registry: Registry) -> None:
    registry.begin(NAME, 1)
    assert state(registry, 1) is VersionState.LOADING
    with pytest.raises(NotServedError, match="not found"), registry.servable_handle(ModelSpec(NAME)):
        pass


def test_a_retired_version_stays_until_the_last_handle_is_released(
    registry: Registry, served_model: ServedModel
) -> None:
    serve(registry, 1, served_model)
    with registry.servable_handle(ModelSpec(NAME)) as first:
        with registry.servable_handle(ModelSpec(NAME, 1)):
            serve(registry, 2, served_model)
            registry.retire(NAME, 1)
            assert state(registry, 1) is VersionState.UNLOADING
            with registry.servable_handle(ModelSpec(NAME)) as later:
                assert later.spec.version == 2
        assert state(registry, 1) is VersionState.UNLOADING
        assert first.model is served_model
    assert state(registry, 1) is VersionState.END


def test_a_retired_version_takes_no_new_requests(registry: Registry, served_model: ServedModel) -> None:
    serve(registry, 1, served_model)
    with registry.servable_handle(ModelSpec(NAME)):
        registry.retire(NAME, 1)
        with pytest.raises(NotServedError, match="not found"), registry.servable_handle(ModelSpec(NAME, 1)):
            pass


def test_statuses_tell_of_every_version_newest_first(registry: Registry, served_model: ServedModel) -> None:
    for version in (9, 10):
        serve(registry, version, served_model)
    registry.retire(NAME, 9)
    registry.begin(NAME, 11)
    registry.fail(NAME, 11, error_code="INVALID_ARGUMENT", error_message="no variables")
    assert registry.statuses(ModelSpec(NAME)) == [
        VersionStatus(11, VersionState.END, "INVALID_ARGUMENT", "no variables"),
        VersionStatus(10, VersionState.AVAILABLE),
        VersionStatus(9, VersionState.END),
    ]


def test_a_model_or_version_that_was_never_seen_has_no_status(registry: Registry, served_model: ServedModel) -> None:
    with pytest.raises(NotServedError, match="Could not find any versions of model reviews"):
        registry.statuses(ModelSpec(NAME))
    serve(registry, 1, served_model)
    with pytest.raises(NotServedError, match="Could not find version 3 of model reviews"):
        registry.statuses(ModelSpec(NAME, 3))


def test_a_label_stands_for_a_version(registry: Registry, served_model: ServedModel) -> None:
    for version in (9, 10):
        serve(registry, version, served_model)
    registry.set_labels(NAME, {"stable": 9, "canary": 10})
    assert registry.resolve_label(NAME, "canary") == 10
    with registry.servable_handle(ModelSpec(NAME, label="stable")) as handle:
        assert handle.spec == ModelSpec(NAME, 9)
    assert registry.statuses(ModelSpec(NAME, label="stable")) == [VersionStatus(9, VersionState.AVAILABLE)]


def test_an_unknown_label_is_refused_with_those_that_there_are(registry: Registry, served_model: ServedModel) -> None:
    serve(registry, 1, served_model)
    with pytest.raises(UnknownLabelError, match="label: stable; model reviews has no labels, give a version"):
        registry.resolve_label(NAME, "stable")
    registry.set_labels(NAME, {"canary": 1})
    with (
        pytest.raises(UnknownLabelError, match="label: stable; model reviews has canary"),
        registry.servable_handle(ModelSpec(NAME, label="stable")),
    ):
        pass
