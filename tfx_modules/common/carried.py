"""Where a version's folder has what it carries for others than model servers."""

from collections.abc import Mapping

TFLITE = "tflite"
PLACES: Mapping[str, str] = {TFLITE: "assets.extra/tflite"}
"""Folders below a version's, by the ending of the folder that promotion copies them to."""
