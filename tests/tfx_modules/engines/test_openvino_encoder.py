"""An encoder in OpenVINO: logits of rows of all lengths, from several threads, and reasons where it cannot be used."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf
from openvino import opset13 as op

from tests.tfx_modules.conftest import TOKENS, small_classifier
from tfx_modules.engines import openvino_encoder, openvino_library
from tfx_modules.engines.description import PRECISIONS
from tfx_modules.engines.openvino_encoder import Array, OpenVinoEncoder, most_tokens
from tfx_modules.exceptions import EngineFileError
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.model.openvino import graph


def rows(*lengths: int) -> Array:
    made = np.random.default_rng(1).integers(1000, 30000, (len(lengths), TOKENS)).astype(np.int32)
    for row, length in zip(made, lengths, strict=True):
        row[length:] = 0
    return made


MIXED = rows(*(2 + number % (TOKENS - 1) for number in range(100)))


def saved(classifier: keras.Model, folder: Path) -> Path:
    openvino.save_model(graph.build(classifier), folder / "float32.xml", compress_to_fp16=False)
    return folder / "float32.xml"


@pytest.fixture(scope="module")
def file(classifier: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(classifier, tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def encoder(file: Path) -> OpenVinoEncoder:
    return OpenVinoEncoder(file)


def test_logits_are_tensorflow_s(encoder: OpenVinoEncoder, classifier: keras.Model) -> None:
    exact = BertGraph(classifier, tf.float32).logits(tf.constant(MIXED)).numpy()
    np.testing.assert_allclose(encoder.logits(MIXED), exact, atol=1e-5)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="a thread has one core to compute on")
def test_its_threads_may_compute_on_all_cores(encoder: OpenVinoEncoder) -> None:
    """Threads that are bound to a core wait for what else computes there."""
    encoder.logits(MIXED)
    assert set(cores_of_threads()) == {frozenset(os.sched_getaffinity(0))}


def cores_of_threads() -> Iterator[frozenset[int]]:
    """Yield the cores that each thread of this process may compute on."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended since
            yield frozenset(os.sched_getaffinity(int(task.name)))


@pytest.mark.parametrize(
    ("precision", "has_amx", "most"), [("bfloat16", True, 2048), ("bfloat16", False, 512), ("int8", True, 512)]
)
def test_passes_are_larger_in_bfloat16_with_amx_alone(
    precision: str, has_amx: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_encoder, "uses_amx", lambda: has_amx)
    assert most_tokens(precision) == most


def test_a_logit_for_each_class(tmp_path: Path) -> None:
    four = small_classifier(dropout=0.1, outputs=4)
    encoder = OpenVinoEncoder(saved(four, tmp_path))
    exact = BertGraph(four, tf.float32).logits(tf.constant(MIXED)).numpy()
    np.testing.assert_allclose(encoder.logits(MIXED), exact, atol=1e-5)
    assert encoder.logits(MIXED[:0]).shape == (0, 4)


def test_a_row_gets_the_same_logit_alone_and_in_company(encoder: OpenVinoEncoder) -> None:
    alone = [encoder.logits(MIXED[n : n + 1])[0] for n in range(len(MIXED))]
    np.testing.assert_allclose(encoder.logits(MIXED), alone, atol=1e-5)


def test_no_rows_have_no_logits(encoder: OpenVinoEncoder) -> None:
    assert encoder.logits(MIXED[:0]).shape == (0,)


def test_many_threads_get_their_own_rows_logits(encoder: OpenVinoEncoder) -> None:
    expected = encoder.logits(MIXED)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: encoder.logits(MIXED[n : n + 5]), range(90)))
    for n, logits in enumerate(found):
        np.testing.assert_allclose(logits, expected[n : n + 5], atol=1e-5)


def test_one_core_is_enough(file: Path, encoder: OpenVinoEncoder) -> None:
    np.testing.assert_allclose(OpenVinoEncoder(file, cores=1).logits(MIXED), encoder.logits(MIXED), atol=1e-5)


def test_the_clock_is_looked_at_before_each_pass(encoder: OpenVinoEncoder) -> None:
    many = np.repeat(rows(TOKENS), 200, axis=0)
    looks: list[int] = []

    def stop_at_the_third() -> None:
        looks.append(threading.get_ident())
        if len(looks) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        encoder.logits(many, stop_at_the_third)
    assert len(looks) == 3


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFileError, match=r"OpenVINO cannot use .*gone\.xml: .*Export the model anew"):
        OpenVinoEncoder(tmp_path / "gone.xml")


@pytest.mark.parametrize("content", ["", "<net", "<?xml version='1.0'?><net name='x' version='99'></net>"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "float32.xml").write_text(content)
    (tmp_path / "float32.bin").write_bytes(b"")
    with pytest.raises(EngineFileError, match="OpenVINO cannot use"):
        OpenVinoEncoder(tmp_path / "float32.xml")


def test_weights_that_were_cut_off_are_refused(classifier: keras.Model, tmp_path: Path) -> None:
    file = saved(classifier, tmp_path)
    weights = file.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineFileError, match="OpenVINO cannot use"):
        OpenVinoEncoder(file)


def test_weights_that_are_no_numbers_are_refused(classifier: keras.Model, tmp_path: Path) -> None:
    file = saved(classifier, tmp_path)
    weights = file.with_suffix(".bin")
    weights.write_bytes(b"\xff" * weights.stat().st_size)
    with pytest.raises(EngineFileError):
        OpenVinoEncoder(file)


def test_weights_that_are_cut_off_later_do_no_harm(classifier: keras.Model, tmp_path: Path) -> None:
    file = saved(classifier, tmp_path)
    encoder = OpenVinoEncoder(file)
    before = encoder.logits(MIXED)
    file.with_suffix(".bin").write_bytes(b"")
    np.testing.assert_array_equal(encoder.logits(MIXED), before)


def test_float32_stays_float32_where_openvino_would_compute_in_bfloat16(
    file: Path, encoder: OpenVinoEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OfBfloat16(openvino.Core):  # type: ignore[misc]
        """Computes by default as on a processor with AMX."""

        def __init__(self) -> None:
            super().__init__()
            self.set_property("CPU", {"INFERENCE_PRECISION_HINT": "bf16"})

    expected = encoder.logits(MIXED)
    monkeypatch.setattr(openvino, "Core", OfBfloat16)
    np.testing.assert_allclose(OpenVinoEncoder(file).logits(MIXED), expected, atol=1e-5)


def test_ids_of_another_form_are_an_error(encoder: OpenVinoEncoder) -> None:
    with pytest.raises(RuntimeError, match=r"needs ids \[rows, tokens\], and got \[32\]"):
        encoder.logits(MIXED[0])


def test_logits_of_another_number_of_rows_are_an_error(tmp_path: Path) -> None:
    given = op.parameter([-1, -1], np.int32)
    none = op.multiply(op.reduce_sum(given, op.constant([0, 1]), keep_dims=False), op.constant(np.int32(0)))
    logits = op.add(op.convert(none, np.float32), op.constant(np.zeros(2, np.float32)))
    openvino.save_model(openvino.Model([op.result(logits)], [given], "two"), tmp_path / "float32.xml")
    encoder = OpenVinoEncoder(tmp_path / "float32.xml")
    with pytest.raises(RuntimeError, match=r"gave logits \[2\] for ids \[3, 32\]"):
        encoder.logits(np.ones((3, 32), np.int32))


def test_more_memory_than_there_is_is_refused(tmp_path: Path) -> None:
    given = op.parameter([-1, -1], np.int32)
    many = op.broadcast(op.gather(given, op.constant(0), op.constant(0)), op.constant([2**40, 3]))
    logits = op.convert(op.reduce_sum(many, op.constant([0]), keep_dims=True), np.float32)
    openvino.save_model(openvino.Model([op.result(logits)], [given], "huge"), tmp_path / "float32.xml")
    with pytest.raises(EngineFileError):
        OpenVinoEncoder(tmp_path / "float32.xml")


def test_a_model_of_another_form_is_refused(tmp_path: Path) -> None:
    given = openvino.opset13.parameter([-1], np.float32)
    model = openvino.Model([openvino.opset13.result(openvino.opset13.relu(given))], [given], "other")
    openvino.save_model(model, tmp_path / "float32.xml")
    with pytest.raises(EngineFileError, match=r"allowed: one input \[rows, tokens\]"):
        OpenVinoEncoder(tmp_path / "float32.xml")


def test_another_release_s_files_are_refused() -> None:
    installed = openvino_library.installed_version()
    openvino_library.check_version(f"{installed.rpartition('.')[0]}.99")
    with pytest.raises(EngineFileError, match=rf"of OpenVINO 2019\.1\.0, and OpenVINO {installed} is installed"):
        openvino_library.check_version("2019.1.0")


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "use",
    [
        "from tfx_modules.engines.openvino_library import openvino; openvino().Core()",
        "import tfx_modules.model.openvino.quantization",
    ],
    ids=["server", "trainer"],
)
def test_openvino_is_imported_without_its_telemetry(use: str) -> None:
    sent = "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    assert in_a_new_process(f"{use}\nimport sys; {sent}") == "[]"


def test_without_openvino_the_reason_is_told() -> None:
    code = (
        "import sys; sys.modules['openvino'] = None\n"
        "from tfx_modules.engines.openvino_library import openvino\n"
        "from tfx_modules.exceptions import EngineFileError\n"
        "try: openvino()\n"
        "except EngineFileError as error: print(error)"
    )
    assert "Install the package openvino, or serve with --engine=tensorflow" in in_a_new_process(code)


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ({"__init__": "import numpy.gone"}, "cannot be imported: ModuleNotFoundError: No module named 'numpy.gone'"),
        ({"__init__": "str.gone"}, "cannot be imported: AttributeError: type object 'str' has no attribute 'gone'"),
        ({"__init__": "len(1)"}, "cannot be imported: TypeError: object of type 'int' has no len()"),
        ({"__init__": ""}, "does not run here: ModuleNotFoundError: No module named 'openvino.opset13'"),
        ({"__init__": "", "opset13": "raise MemoryError"}, "does not run here: MemoryError. Serve with --engine"),
    ],
)
def test_a_server_starts_although_openvino_is_broken(tmp_path: Path, package: dict[str, str], reason: str) -> None:
    broken = tmp_path / "openvino"
    broken.mkdir()
    for name, code in package.items():
        (broken / f"{name}.py").write_text(code, encoding="utf-8")
    code = (
        f"import os, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from tfx_modules.engines.openvino_library import openvino\n"
        "from tfx_modules.exceptions import EngineFileError\n"
        "try: openvino()\n"
        "except EngineFileError as error: print(error)\n"
        "print(os.environ.get('ONEDNN_MAX_CPU_ISA'))"
    )
    told, left = in_a_new_process(code).splitlines()
    assert reason in told
    assert left == "None"


def test_openvino_is_imported_when_it_is_needed() -> None:
    code = "import tfx_modules.engines.openvino_encoder, sys; print('openvino' in sys.modules)"
    assert in_a_new_process(code) == "False"


PRODUCT = """
import sys
from pathlib import Path
import os
import nncf, numpy, openvino
given = openvino.opset13.parameter([-1, -1, 384], numpy.float32)
weights = numpy.random.default_rng(1).normal(size=(384, 384)).astype(numpy.float32)
product = openvino.opset13.matmul(given, weights, False, False)
model = openvino.Model([openvino.opset13.result(product)], [given], "product")
some = [numpy.ones((1, 64, 384), numpy.float32)]
core = openvino.Core()
compiled = core.compile_model(nncf.quantize(model, nncf.Dataset(some)), "CPU")
compiled(some[0])
kinds = [node.get_rt_info()["primitiveType"].astype(str) for node in compiled.get_runtime_model().get_ops()]
print(" ".join(kind for kind in kinds if "I8" in kind or "brgemm" in kind), os.environ.get("ONEDNN_MAX_CPU_ISA"))
"""


needs_amx = pytest.mark.skipif("amx_int8" not in Path("/proc/cpuinfo").read_text(), reason="this processor has no AMX")


@needs_amx
def test_int8_is_computed_without_amx_where_it_would_crash() -> None:
    limited = "from tfx_modules.engines.openvino_library import openvino as library; library()\n"
    assert "amx" in in_a_new_process(PRODUCT)
    assert "amx" not in in_a_new_process(limited + PRODUCT)


@needs_amx
def test_where_amx_is_allowed_bfloat16_is_computed_with_it() -> None:
    in_bfloat16 = PRODUCT.replace("nncf.quantize(model, nncf.Dataset(some))", "model").replace(
        '"CPU")', '"CPU", {"INFERENCE_PRECISION_HINT": "bf16"})'
    )
    library = "from tfx_modules.engines.openvino_library import allow_amx, openvino as library, unusable\n"
    assert "amx" not in in_a_new_process(f"{library}library()\nallow_amx()\n{in_bfloat16}"), "it came too late"
    product, reason = in_a_new_process(
        f"{library}allow_amx()\nlibrary()\n{in_bfloat16}\nprint(unusable('int8'))"
    ).splitlines()
    assert "amx" in product
    assert "int8 is not used together with AMX" in reason


@pytest.fixture
def processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Let Linux list these flags of a processor."""
    listed = tmp_path / "cpuinfo"
    monkeypatch.setattr(openvino_library, "_PROCESSOR", listed)

    def set_flags(flags: str) -> None:
        listed.write_text(f"model name\t: some\nflags\t\t: fpu {flags}\nbugs\t\t: amx_tile\n\nflags\t: none\n")
        openvino_library.processor_flags.cache_clear()

    yield set_flags
    openvino_library.processor_flags.cache_clear()


@pytest.mark.parametrize(
    ("flags", "most", "usable"),
    [
        ("avx512_vnni", None, {"int8", "float32"}),
        ("avx512_bf16", None, {"int8", "bfloat16", "float32"}),
        ("amx_tile amx_bf16", None, {"int8", "bfloat16", "float32"}),
        ("amx_tile amx_bf16", "ALL", {"bfloat16", "float32"}),
        ("amx_tile amx_bf16", "avx512_core_amx", {"bfloat16", "float32"}),
        ("amx_tile amx_bf16", "AVX512_CORE_FP16", {"int8", "bfloat16", "float32"}),
        ("avx512_bf16", "ALL", {"int8", "bfloat16", "float32"}),
    ],
)
def test_what_a_processor_computes_safely(
    processor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, flags: str, most: str | None, usable: set[str]
) -> None:
    processor(flags)
    if most is None:
        monkeypatch.delenv(openvino_library.MOST_INSTRUCTIONS, raising=False)
    else:
        monkeypatch.setenv(openvino_library.MOST_INSTRUCTIONS, most)
    assert {each for each in PRECISIONS if not openvino_library.unusable(each)} == usable


@pytest.mark.parametrize(
    ("flags", "most", "first"),
    [
        ("avx512_bf16", None, "int8"),
        ("amx_tile amx_bf16", None, "bfloat16"),
        ("amx_tile amx_bf16", "DEFAULT", "bfloat16"),
        ("amx_tile amx_bf16", "AVX512_CORE_FP16", "int8"),
    ],
)
def test_the_gate_takes_what_a_server_on_this_processor_takes(
    processor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, flags: str, most: str | None, first: str
) -> None:
    processor(flags)
    if most is None:
        monkeypatch.delenv(openvino_library.MOST_INSTRUCTIONS, raising=False)
    else:
        monkeypatch.setenv(openvino_library.MOST_INSTRUCTIONS, most)
    assert min(PRECISIONS, key=openvino_library.fastest_first) == first


def test_a_precision_that_the_processor_lacks_is_refused(file: Path, processor: Callable[[str], None]) -> None:
    processor("avx2")
    with pytest.raises(EngineFileError, match="cannot be used: this processor does not compute in bfloat16"):
        OpenVinoEncoder(file, precision="bfloat16")


def test_a_system_without_a_list_of_flags_has_none(
    processor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor("amx_tile")
    monkeypatch.setattr(openvino_library, "_PROCESSOR", Path("/gone/cpuinfo"))
    openvino_library.processor_flags.cache_clear()
    assert openvino_library.processor_flags() == frozenset()
