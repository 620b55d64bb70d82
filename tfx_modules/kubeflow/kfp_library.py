"""Finds the library ``kfp``, which the TFX environment does not have: it is in an environment beside it."""

import importlib
import logging
import os
import sys
from pathlib import Path

from tfx_modules.exceptions import SettingsError

VERSION = "2.16.1"
"""As ``requirements/kubeflow.txt`` has it."""

_logger = logging.getLogger(__name__)


def require_kfp(environment: Path | None) -> None:
    """Make ``kfp`` importable.

    Its folder comes after those of the TFX environment, so that nothing of TFX's is replaced.

    Args:
        environment: the environment with kfp; None: only this environment is looked at, as in the worker image.

    Raises:
        SettingsError: there is no kfp.
    """
    # kfp then leaves out its client, which this side does not use and which takes a second to import.
    os.environ.setdefault("_KFP_RUNTIME", "true")
    places = [] if environment is None else sorted(environment.glob("lib/python3.11/site-packages"))
    sys.path.extend(str(place) for place in places)
    importlib.invalidate_caches()
    try:
        from kfp.pipeline_spec import pipeline_spec_pb2

        _logger.debug("kfp is in %s", pipeline_spec_pb2.__file__)
    except ImportError as error:
        where = f"neither in the TFX environment nor in {environment}" if environment else "not in the TFX environment"
        raise SettingsError(
            f"the library kfp is {where} ({error}); needed: kfp {VERSION} for Python 3.11. In a checkout run "
            "`make setup-kubeflow`; for a wheel make a virtual environment of Python 3.11, install "
            f"kfp=={VERSION} in it, and name it with --kfp."
        ) from error
