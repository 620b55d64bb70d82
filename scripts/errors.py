"""The scripts' exception tree.

ScriptError               anything a user can act on; printed without a traceback
├── DeclarationError      a setting cannot be documented
├── SetupError            an environment cannot be built
└── StackError            the local stack cannot run
    ├── NotReadyError     a service did not become healthy in time
    └── RunFailedError    a DAG run ended in failure
"""


class ScriptError(Exception):
    """An error for the user. Its message says what is wrong, what was found, what is allowed and what to do."""


class DeclarationError(ScriptError):
    """A setting cannot be documented: it has no docstring, or the page has no place for it."""


class SetupError(ScriptError):
    """An environment cannot be built: an interpreter, uv or a package is missing."""


class StackError(ScriptError):
    """The local stack cannot run: a taken port, a broken DAG file, a service that died."""


class NotReadyError(StackError):
    """A service of the stack did not become healthy in time."""


class RunFailedError(StackError):
    """A DAG run ended in failure, or the served model answered wrongly."""
