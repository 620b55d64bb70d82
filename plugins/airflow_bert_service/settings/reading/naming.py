"""What messages call settings of this side."""

SECTION = "bert_service"
"""The section of airflow.cfg that holds them."""
WHOLE = f"[{SECTION}]"
"""All of them."""


def named(key: str) -> str:
    """Return what messages call a setting."""
    return f"[{SECTION}] {key}"
