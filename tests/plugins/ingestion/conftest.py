import pytest


@pytest.fixture(autouse=True)
def _of_every_test(own_state: None) -> None:
    """What tasks leave for people is in a folder of the tests."""
