"""Makes settings classes of tables, as their declarations say."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

from tfx_modules.exceptions import SettingsError
from tfx_modules.settings.reading.declared import (
    ALLOWED,
    SettingsGroup,
    check,
    check_keys,
    choice,
    refused,
    settings_of,
    without_notes,
)
from tfx_modules.settings.reading.naming import named

Group = TypeVar("Group", bound=SettingsGroup)


def build(kind: type[Group], values: Mapping[str, Any], prefix: str = "") -> Group:
    """Make settings of a table of TOML, or of the JSON that components get as ``custom_config``.

    Args:
        kind: The class of the settings.
        values: The table; what is missing takes its default.
        prefix: What the operator writes before each key.

    Returns:
        The settings.

    Raises:
        SettingsError: A value is not allowed, or a key is none of the settings.
    """
    settings = {setting.name: setting for setting in settings_of(kind)}
    check_keys(values, list(settings), prefix)
    made = {}
    for name, value in values.items():
        key = prefix + name
        made[name] = _converted(settings[name].kind, value, key)
        if made[name] != settings[name].default:
            check(key, made[name], settings[name].notes)
    return kind(**made)


def _converted(kind: Any, value: Any, key: str) -> Any:
    plain = get_origin(kind) or kind
    if plain is tuple and isinstance(value, (list, tuple)):
        item, _ = without_notes(get_args(kind)[0])
        return tuple(_converted(item, one, key) for one in value)
    if plain is Mapping:
        return _mapping(get_args(kind)[1], value, key)
    if issubclass(plain, SettingsGroup):
        if not isinstance(value, dict):
            raise SettingsError(f"{named(key)} is {value!r}; allowed: a table. Write [{key}].")
        return build(plain, value, f"{key}.")
    if issubclass(plain, Enum):
        return choice(plain, key, value)
    if plain is float and type(value) is int:
        return float(value)
    if type(value) is not plain:
        raise refused(key, value, ALLOWED[plain])
    return value


def _mapping(kind: Any, value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refused(key, value, ALLOWED[dict])
    return {name: _converted(kind, one, f"{key}.{name}") for name, one in value.items()}
