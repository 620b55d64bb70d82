"""The implementation of protobuf is the one in C: the one in Python has a known hole (SECURITY.md)."""

from google.protobuf.internal import api_implementation


def test_messages_are_parsed_in_c() -> None:
    assert api_implementation.Type() == "upb"
