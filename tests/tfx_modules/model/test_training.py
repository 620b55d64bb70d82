"""Training begins only where the model can be exported as the settings ask."""

import sys

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_modules.exceptions import SettingsError
from tfx_modules.model.training import run_fn


@pytest.mark.parametrize("package", ["openvino", "nncf"])
def test_without_openvino_s_packages_nothing_is_trained_for_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    arguments = FnArgs(custom_config={"export": {"engines": ["openvino"]}})
    with pytest.raises(SettingsError, match=rf"export\.engines has openvino, for which {package} must be installed"):
        run_fn(arguments)
