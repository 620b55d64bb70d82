"""Calls are put together and taken apart again without a change to what any of them gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.batching.merging import join, kind_of, merge, parts_of, rows_of, split
from tfx_modules.serving.exceptions import InferenceError
from tfx_modules.serving.specs import Array, PredictCall, Signature, TensorInfo, bytes_array

OPEN, FIXED, SCALAR = TensorInfo("DT_FLOAT", (None, 2)), TensorInfo("DT_FLOAT", (3,)), TensorInfo("DT_FLOAT", ())


def call(*lengths: int, width: int = 2) -> PredictCall:
    return PredictCall("s", {f"x{n}": np.ones((rows, width), np.float32) for n, rows in enumerate(lengths)})


def signature(inputs: list[TensorInfo], outputs: list[TensorInfo]) -> Signature:
    return Signature("s", {f"x{n}": i for n, i in enumerate(inputs)}, {f"y{n}": i for n, i in enumerate(outputs)})


@given(
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    most=st.integers(1, 10),
    extra=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_whoever_is_computed_with_others_gets_what_they_would_get_alone(
    rows: list[int], most: int, extra: int, seed: int
) -> None:
    def double(of: PredictCall) -> dict[str, Array]:
        return {"y": of.inputs["x"] * 2}

    draw = np.random.default_rng(seed)
    calls = [PredictCall("s", {"x": draw.normal(size=(count, 2))}) for count in rows]
    parts = [part for one in calls for part in parts_of(one, len(one.inputs["x"]), most)]
    counts = [len(part.inputs["x"]) for part in parts]
    assert max(counts) <= most
    total = sum(counts) + extra
    answers = iter(split(double(merge(parts, total)), counts, total))
    for one in calls:
        mine = [next(answers) for _ in parts_of(one, len(one.inputs["x"]), most)]
        np.testing.assert_array_equal(join(mine)["y"], double(one)["y"])


def test_strings_keep_every_byte() -> None:
    texts = [bytes_array([b"a\0", b""], (2,)), bytes_array([b"\0"], (1,))]
    merged = merge([PredictCall("s", {"x": text}) for text in texts], 4)
    assert merged.inputs["x"].tolist() == [b"a\0", b"", b"\0", b"a\0"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "lengths", "rows"),
    [
        ([OPEN], [OPEN], (4,), 4),
        ([OPEN, OPEN], [OPEN], (4, 4), 4),
        ([OPEN, OPEN], [OPEN], (4, 3), None),  # which of them are the rows?
        ([OPEN], [OPEN], (0,), None),
        ([FIXED], [OPEN], (3,), None),
        ([OPEN], [SCALAR], (4,), None),  # such as a sum over all rows
        ([OPEN], [OPEN, TensorInfo("DT_FLOAT", None)], (4,), None),
        ([], [OPEN], (), None),
    ],
)
def test_only_signatures_that_leave_the_number_of_rows_open_are_put_together(
    inputs: list[TensorInfo], outputs: list[TensorInfo], lengths: tuple[int, ...], rows: int | None
) -> None:
    assert rows_of(signature(inputs, outputs), call(*lengths)) == rows


def test_outputs_that_nobody_wants_do_not_count() -> None:
    wanted = PredictCall("s", call(4).inputs, ("y0",))
    assert rows_of(signature([OPEN], [OPEN, SCALAR]), wanted) == 4


def test_calls_of_other_types_shapes_or_outputs_are_of_another_kind() -> None:
    one = call(1)
    others = [
        PredictCall("other", one.inputs),
        PredictCall("s", one.inputs, ("y",)),
        PredictCall("s", {"x0": one.inputs["x0"].astype(np.int64)}),
        call(1, width=3),
    ]
    assert kind_of(call(7), padded=False) == kind_of(one, padded=False)
    assert all(kind_of(other, padded=False) != kind_of(one, padded=False) for other in others)
    assert kind_of(call(1, width=3), padded=True) == kind_of(one, padded=True)


def test_rows_of_other_lengths_are_filled_up_with_their_tensors_first_element() -> None:
    short = PredictCall("s", {"x": np.array([[1, 2]])})
    long = PredictCall("s", {"x": np.array([[3, 4, 5], [6, 7, 8]])})
    assert merge([short, long], 3).inputs["x"].tolist() == [[1, 2, 1], [3, 4, 5], [6, 7, 8]]


def test_an_output_without_the_rows_is_an_error_that_says_what_to_do() -> None:
    for wrong in (np.float32(1.0), np.zeros(3)):
        with pytest.raises(
            InferenceError, match=r"for 4 rows that were computed together; .*without --enable_batching"
        ):
            split({"y": np.asarray(wrong)}, [1, 3], 4)
