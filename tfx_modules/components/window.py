"""Resolves a run's window of spans to files, each span in the version that the run names, never in the latest.

TFX's own driver takes one span a run.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfx.components.example_gen import driver, input_processor, utils
from tfx.proto import example_gen_pb2, range_config_pb2

from tfx_modules.exceptions import MissingSpanError

SPAN_VERSIONS = "span_versions"
"""Execution property: JSON, a version (or null: a gap that is allowed) by day of the window."""
SEPARATOR = ","
"""Between the patterns of a window's days."""
_EPOCH = dt.date(1970, 1, 1)


class WindowInputProcessor(input_processor.FileBasedInputProcessor):  # type: ignore[misc]
    """Resolves days and their versions to files; all of them have to be there.

    Args:
        base: Folder of the spans.
        splits: With patterns that have ``{YYYY}``, ``{MM}``, ``{DD}`` and ``{VERSION}``.
        versions: Version by span number, in the order of the days, one at least.
    """

    def __init__(self, base: str, splits: Iterable[example_gen_pb2.Input.Split], versions: Mapping[int, int]) -> None:
        splits = list(splits)
        self._base = base
        self._versions = versions
        self._spans = {
            span: input_processor.FileBasedInputProcessor(base, _of_version(splits, version), _one_span(span))
            for span, version in versions.items()
        }
        self._last = max(versions)
        super().__init__(base, splits, _one_span(self._last))

    def resolve_span_and_version(self) -> tuple[int, int]:
        """Return the window's last span and its version; they name the artifact.

        Raises:
            MissingSpanError: a day of the window has no file.
        """
        for span in self._spans:
            self._resolve(span)
        return self._last, self._versions[self._last]

    def _resolve(self, span: int) -> None:
        try:
            self._spans[span].resolve_span_and_version()
        except ValueError as error:
            days = ", ".join(str(day_of(number)) for number in self._versions)
            msg = (
                f"span {span} ({day_of(span)}), version {self._versions[span]}, is not in {self._base}; the run reads "
                f"{days}. Clear refresh_data of this run, so that it delivers the days anew."
            )
            raise MissingSpanError(msg) from error

    def get_input_fingerprint(self, span: int, version: int) -> str:
        """Return one fingerprint of all files of the window, for the cache."""
        return "\n".join(item.get_input_fingerprint(span, version) for item in self._spans.values())

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int) -> str:  # noqa: ARG002
        """Return the patterns of all days, in order, with commas between them."""
        return SEPARATOR.join(
            utils.get_pattern_for_span_version(
                pattern, is_match_span=False, is_match_date=True, is_match_version=True, span=number, version=found
            )
            for number, found in self._versions.items()
        )


def _of_version(splits: Iterable[example_gen_pb2.Input.Split], version: int) -> list[example_gen_pb2.Input.Split]:
    return [
        example_gen_pb2.Input.Split(name=split.name, pattern=split.pattern.replace("{VERSION}", str(version)))
        for split in splits
    ]


def _one_span(number: int) -> range_config_pb2.RangeConfig:
    static = range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
    return range_config_pb2.RangeConfig(static_range=static)


def day_of(span: int) -> dt.date:
    """Return the day of a span number (TFX counts the days since 1970-01-01)."""
    return _EPOCH + dt.timedelta(days=span)


def span_versions(text: str, window: range_config_pb2.StaticRange) -> dict[int, int]:
    """Read which version of each span a run reads.

    Args:
        text: JSON: by day of the window a version, 1 or more, or null for a day that may be missing.
        window: Span numbers, both ends included.

    Returns:
        Versions by span number, in the order of the days, without those that may be missing.

    Raises:
        MissingSpanError: the text is something else, names other days than the window's, or has no last day.
    """
    days = [day_of(span) for span in range(window.start_span_number, window.end_span_number + 1)]
    given = _json_object(text)
    if (
        sorted(given) != [str(day) for day in days]
        or not all(map(_is_version, given.values()))
        or not given[str(days[-1])]
    ):
        msg = (
            f"{SPAN_VERSIONS} is {text[:500]!r}; allowed: JSON with each day from {days[0]} to {days[-1]} and its "
            "version (1, 2 ...), or null where a day before the last may be missing. Pass what refresh_data returned."
        )
        raise MissingSpanError(msg)
    return {(day - _EPOCH).days: given[str(day)] for day in days if given[str(day)]}


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _is_version(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1)


class Driver(driver.FileBasedDriver):  # type: ignore[misc]
    """Driver that resolves a window of spans."""

    _span_versions: str

    def resolve_exec_properties(self, exec_properties: dict[str, Any], *rest: Any) -> dict[str, Any]:
        """Resolve the window as TFX does a span; what is resolved becomes part of the cache's key."""
        self._span_versions = exec_properties[SPAN_VERSIONS]
        resolved: dict[str, Any] = super().resolve_exec_properties(exec_properties, *rest)
        return resolved

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """Return the processor for the range of the run.

        Raises:
            MissingSpanError: the range is not a static one, or ends before it starts; versions are of other days.
        """
        window = range_config.static_range if range_config and range_config.HasField("static_range") else None
        if window is None or window.start_span_number > window.end_span_number:
            msg = (
                f"range_config is {str(range_config).strip()!r}; allowed: a static_range whose start_span_number is not"
                " after its end_span_number. Pass the run's window."
            )
            raise MissingSpanError(msg)
        return WindowInputProcessor(input_base_uri or "", splits, span_versions(self._span_versions, window))
