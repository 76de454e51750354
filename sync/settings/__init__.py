"""The only reader of the environment: names, values, the env file, and one frozen object."""

from sync.settings.settings import (
    SETTING_NAMES,
    Loaded,
    NothingConfiguredError,
    Settings,
    check_names,
    load,
)

__all__ = [
    "SETTING_NAMES",
    "Loaded",
    "NothingConfiguredError",
    "Settings",
    "check_names",
    "load",
]
