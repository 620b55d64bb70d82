"""Makes DAG files that are none: Airflow shows what they raise as an import error, where users look for it."""

import ast

from airflow_bert_service.exceptions import BertServiceError

# Airflow takes a file for a DAG file only when it holds the words "dag" and "airflow"; the docstring does. The message
# has a line of its own because a traceback shows the line that raises.
_TEXT = '''\
"""Not a DAG: the DAG bundle has Airflow show, as this file's import error, why {what}."""

from airflow_bert_service.exceptions import {error}

MESSAGE = {message!r}
raise {error}(MESSAGE)
'''
_MESSAGE = "MESSAGE = "


def error_file(error: type[BertServiceError], message: str, *, what: str) -> str:
    """Return the text of a DAG file that raises an error.

    Args:
        error: The error's class, one of ``airflow_bert_service.exceptions``.
        message: Its message.
        what: What the message is the reason of, for who opens the file.
    """
    return _TEXT.format(error=error.__name__, message=message, what=what)


def message_of(text: str) -> str:
    """Return the message of a file that :func:`error_file` has made."""
    line = next(line for line in text.splitlines() if line.startswith(_MESSAGE))
    return str(ast.literal_eval(line.removeprefix(_MESSAGE)))
