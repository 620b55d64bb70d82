"""What messages call settings of this side."""

WHOLE = "the pipeline's settings file"
"""All of them."""


def named(key: str) -> str:
    """Return what messages call a setting."""
    return f"setting {key}"
