"""A version in OpenVINO answers as in TensorFlow; one whose files for it cannot be used is refused with a reason."""

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow_transform as tft

from tests.tfx_modules.conftest import small_classifier
from tests.tfx_modules.serving.engine_versions import (
    ODD_TEXTS,
    Exported,
    Hidden,
    example,
    export_version,
    written_by,
)
from tfx_modules.engines import description, openvino_library
from tfx_modules.engines.description import Description, Variant
from tfx_modules.engines.openvino_library import installed_version
from tfx_modules.serving.exceptions import (
    DeadlineError,
    ForbiddenOpError,
    InvalidRequestError,
    ModelLoadError,
)
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.engines.engine import TENSORFLOW, Engine
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.specs import Array, PredictCall, TimeLimit, bytes_array
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import TaskKind, TaskSettings

OPENVINO = Engine(EngineChoice.OPENVINO, "float32")
TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=("billing", "fault", "שונות", 'say "so"'))
BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel"
ARGUMENTS = {"serving_default": "text", "serving_examples": "examples", "classify": "inputs", "regress": "inputs"}


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
    classifier: keras.Model,
    transform: tft.TFTransformOutput,
    encoder_config: EncoderSettings,
) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("with-openvino")
    four, sure = small_classifier(dropout=0.1, outputs=4), small_classifier(dropout=0.1, outputs=4)
    sure.get_layer("logit").bias.assign([2.0, -2.0, 1.0, -1.0])  # no label of it is chosen by a rounding
    return {
        BINARY: export_version(folder / BINARY, classifier, transform, encoder_config),
        MULTICLASS: export_version(folder / MULTICLASS, four, transform, encoder_config, TICKETS),
        MULTILABEL: export_version(
            folder / MULTILABEL, sure, transform, encoder_config, replace(TICKETS, kind=TaskKind.MULTILABEL)
        ),
    }


@pytest.fixture(scope="module")
def engines(exported: dict[str, Exported]) -> dict[str, tuple[ServedModel, ServedModel]]:
    """Each task's version in TensorFlow and in OpenVINO."""
    return {
        task: (load_model(each.folder), load_model(each.folder, engine=EngineChoice.OPENVINO))
        for task, each in exported.items()
    }


def call_of(signature: str, texts: list[bytes]) -> PredictCall:
    given = texts if signature == "serving_default" else [example(text) for text in texts]
    return PredictCall(signature, {ARGUMENTS[signature]: bytes_array(given, (len(given),))})


def assert_same(found: dict[str, Array], expected: dict[str, Array]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        if values.dtype in (object, np.bool_):
            assert found[name].tolist() == values.tolist()
        else:
            np.testing.assert_allclose(found[name], values, atol=1e-4)


def test_the_model_says_which_engine_it_has(engines: dict[str, tuple[ServedModel, ServedModel]]) -> None:
    assert [model.engine for model in engines[BINARY]] == [TENSORFLOW, OPENVINO]
    assert str(OPENVINO) == "OpenVINO (float32)"


@pytest.mark.parametrize(
    ("task", "signature"),
    [(BINARY, name) for name in ARGUMENTS]
    + [(task, name) for task in (MULTICLASS, MULTILABEL) for name in ARGUMENTS if name != "regress"],
)
@pytest.mark.parametrize(
    "texts",
    [*([text] for text in ODD_TEXTS), list(ODD_TEXTS), [], [b"word " * (n % 40) for n in range(1000)]],
    ids=["fine", "empty", "letters", "not-utf8", "long", "control", "together", "no-rows", "1000-rows"],
)
def test_each_signature_answers_as_tensorflow_does(
    engines: dict[str, tuple[ServedModel, ServedModel]], task: str, signature: str, texts: list[bytes]
) -> None:
    tensorflow, openvino = engines[task]
    call = call_of(signature, texts)
    assert_same(openvino.predict(call), tensorflow.predict(call))


def test_signatures_are_the_same(engines: dict[str, tuple[ServedModel, ServedModel]]) -> None:
    for tensorflow, openvino in engines.values():
        assert openvino.signatures == tensorflow.signatures
        assert openvino.signature_defs == tensorflow.signature_defs


def test_an_output_filter_holds(engines: dict[str, tuple[ServedModel, ServedModel]]) -> None:
    call = PredictCall("serving_default", {"text": bytes_array([b"a"], (1,))}, ("score",))
    assert set(engines[BINARY][1].predict(call)) == {"score"}


def test_an_input_that_tensorflow_rejects_is_rejected_with_its_words(
    engines: dict[str, tuple[ServedModel, ServedModel]],
) -> None:
    call = PredictCall("serving_examples", {"examples": bytes_array([b"\xffno example"], (1,))})
    said = []
    for model in engines[BINARY]:
        with pytest.raises(InvalidRequestError, match="signature 'serving_examples' rejects the input") as error:
            model.predict(call)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_deadline_that_is_over_begins_nothing(engines: dict[str, tuple[ServedModel, ServedModel]]) -> None:
    with pytest.raises(DeadlineError, match="was over before signature 'serving_default' was begun"):
        engines[BINARY][1].predict(call_of("serving_default", [b"a"]), TimeLimit(deadline=time.monotonic() - 1))


@pytest.mark.parametrize("seconds", [0.02, 0.2])
def test_a_deadline_ends_a_long_request(engines: dict[str, tuple[ServedModel, ServedModel]], seconds: float) -> None:
    many = call_of("serving_default", [b"word " * 30] * 50_000)
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="signature 'serving_default' was ended after"):
        engines[BINARY][1].predict(many, TimeLimit(seconds=seconds))
    assert time.monotonic() - began < seconds + 5


def test_without_files_for_openvino_it_is_refused_and_auto_is_tensorflow(
    exported: dict[str, Exported], tmp_path: Path
) -> None:
    plain = exported[BINARY].publish(tmp_path, 1, openvino=False)
    with pytest.raises(ModelLoadError, match=r"carries nothing for OpenVINO.*--engine=auto or --engine=tensorflow"):
        load_model(plain, engine=EngineChoice.OPENVINO)
    assert load_model(plain, engine=EngineChoice.AUTO).engine == TENSORFLOW


def test_auto_without_a_clock_is_the_fastest_variant_that_the_version_carries(exported: dict[str, Exported]) -> None:
    assert load_model(exported[BINARY].folder, engine=EngineChoice.AUTO).engine == OPENVINO


def _foreign(folder: Path) -> None:
    written_by(folder, "2019.1.0")


def _no_description(folder: Path) -> None:
    (folder / description.PLACE / description.DESCRIPTION).write_text("{")


def _no_weights(folder: Path) -> None:
    (folder / description.PLACE / "float32.bin").unlink()


def _no_graph(folder: Path) -> None:
    (folder / description.PLACE / "float32.xml").unlink()


def _damaged_graph(folder: Path) -> None:
    (folder / description.PLACE / "float32.xml").write_bytes(b"<net")


def _no_ends(folder: Path) -> None:
    shutil.rmtree(folder / description.PLACE / description.ENDS)


def _damaged_ends(folder: Path) -> None:
    (folder / description.PLACE / description.ENDS / "saved_model.pb").write_bytes(b"no proto at all")


def _ends_of_another(folder: Path) -> None:
    ends = folder / description.PLACE / description.ENDS
    shutil.rmtree(ends)
    shutil.copytree(folder, ends, ignore=shutil.ignore_patterns("assets.extra"))


DAMAGES = {
    "foreign version": (_foreign, r"of OpenVINO 2019\.1\.0"),
    "no description": (_no_description, "is no description of an engine's files"),
    "no weights": (_no_weights, "float32"),
    "no graph": (_no_graph, "float32.xml"),
    "damaged graph": (_damaged_graph, "OpenVINO cannot use"),
    "no ends": (_no_ends, "cannot load .*ends"),
    "damaged ends": (_damaged_ends, "cannot load .*ends"),
    "ends of another model": (_ends_of_another, "lacks an end of signature"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_that_cannot_be_used_are_refused_with_the_reason(
    exported: dict[str, Exported], tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = exported[BINARY].publish(tmp_path, 1)
    spoil: Callable[[Path], None]
    spoil, reason = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(ModelLoadError, match=reason):
        load_model(folder, engine=EngineChoice.OPENVINO)
    assert load_model(folder).engine == TENSORFLOW
    assert caplog.messages == []
    assert load_model(folder, engine=EngineChoice.AUTO).engine == TENSORFLOW
    (warning,) = caplog.messages
    assert re.search(reason, warning)


def _of_another_processor(folder: Path) -> None:
    place = folder / description.PLACE
    for kind in ("xml", "bin"):
        (place / f"float32.{kind}").rename(place / f"bfloat16.{kind}")
    description.write(Description(installed_version(), "some-v1", (Variant("bfloat16", 1.0, 0.0),)), place)


def test_a_version_of_which_this_processor_can_use_nothing_is_tensorflow_s(
    exported: dict[str, Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = exported[BINARY].publish(tmp_path, 1)
    _of_another_processor(folder)
    monkeypatch.setattr(openvino_library, "processor_flags", lambda: frozenset({"avx2"}))
    assert load_model(folder, engine=EngineChoice.AUTO).engine == TENSORFLOW
    assert "this processor does not compute in bfloat16" in caplog.text
    with pytest.raises(ModelLoadError, match="this processor does not compute in bfloat16"):
        load_model(folder, engine=EngineChoice.OPENVINO)


@pytest.mark.parametrize("engine", [EngineChoice.OPENVINO, EngineChoice.AUTO])
def test_an_op_with_side_effects_hidden_in_the_ends_is_refused(
    exported: dict[str, Exported], tmp_path: Path, engine: EngineChoice
) -> None:
    folder = exported[BINARY].publish(tmp_path, 1)
    ends = folder / description.PLACE / description.ENDS
    shutil.rmtree(ends)
    Hidden("/etc/hostname").save(ends)
    with pytest.raises(ForbiddenOpError, match="has the op ReadFile"):
        load_model(folder, engine=engine)


def test_an_encoder_that_does_not_fit_the_ends_is_refused(exported: dict[str, Exported], tmp_path: Path) -> None:
    folder = exported[BINARY].publish(tmp_path, 1)
    for name in ("float32.xml", "float32.bin"):
        shutil.copyfile(exported[MULTICLASS].folder / description.PLACE / name, folder / description.PLACE / name)
    with pytest.raises(ModelLoadError, match=r"the ends and the encoder in .* do not fit each other"):
        load_model(folder, engine=EngineChoice.OPENVINO)
    assert load_model(folder, engine=EngineChoice.AUTO).engine == TENSORFLOW
