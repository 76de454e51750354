"""The only reader of the environment and of the env file.

Contract: `load` reads both once and gives settings that are whole, or raises one `TellUserError`
with one line per name that needs a change. No text here ever holds a value: pydantic's own report
of one missing setting would print all the others, tokens too.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PlainValidator, SecretStr, ValidationError, ValidationInfo
from pydantic import field_validator as validates
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sync.errors import TellUserError
from sync.model.address import parse_base_url
from sync.model.allowance import Rate, Reserve, Share
from sync.settings import env_file as env_files
from sync.settings import urls, values
from sync.settings.names import name_problems, prefixes_of

Region = Literal["eu", "us", "as"]

HOME_NAME: Final = "HOLDERSYNC_HOME"
_BASE_URLS: Final[Mapping[Region, str]] = MappingProxyType(
    {
        "eu": "https://api.voucherify.io",
        "us": "https://us1.api.voucherify.io",
        "as": "https://as1.api.voucherify.io",
    }
)
_SECRET_ENDINGS = ("_TOKEN", "_SECRET", "_PASSWORD", "_KEY")


class NothingConfiguredError(TellUserError):
    """No name of ours is set anywhere: somebody is here for the first time."""


def _secret(text: str) -> SecretStr:
    return SecretStr(values.parse_visible(text))


def _database_url(text: str) -> SecretStr:
    return SecretStr(urls.parse_database_url(text))


def _server_url(text: str) -> SecretStr:
    return SecretStr(urls.parse_server_url(text))


Duration = Annotated[timedelta, PlainValidator(values.parse_duration)]
DurationOrNone = Annotated[timedelta, PlainValidator(partial(values.parse_duration, or_none=True))]
Count = Annotated[int, PlainValidator(partial(values.parse_whole, least=1, most=1_000_000_000))]
DayOfMonth = Annotated[int, PlainValidator(partial(values.parse_whole, least=1, most=31))]


class Settings(BaseSettings):
    """Every setting of the tool but the adapters' own; made by `load` only.

    Counts are calls (`calls_per_cycle`) or deliveries of one run (`max_unassignments`). The
    descriptions are printed when a setting is missing; `config/.env.example` explains them all.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        case_sensitive=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    own_base_url: Annotated[str, PlainValidator(parse_base_url)] | None = Field(
        default=None, validation_alias="VOUCHERIFY_BASE_URL"
    )
    region: Region | None = Field(
        default=None, validation_alias="VOUCHERIFY_REGION", validate_default=True
    )
    app_id: Annotated[str, PlainValidator(values.parse_visible)] = Field(
        validation_alias="VOUCHERIFY_APP_ID", description="the id of the API key in Voucherify"
    )
    app_token: Annotated[SecretStr, PlainValidator(_secret)] = Field(
        validation_alias="VOUCHERIFY_APP_TOKEN", description="the secret of the same API key"
    )
    rate: Annotated[Rate, PlainValidator(values.parse_rate)] = Field(
        default=Rate(50 / 60), validation_alias="VOUCHERIFY_RATE"
    )
    calls_per_cycle: Count = Field(default=20_000, validation_alias="VOUCHERIFY_CALLS_PER_CYCLE")
    cycle_start_day: DayOfMonth = Field(default=1, validation_alias="VOUCHERIFY_CYCLE_START_DAY")
    reserve: Annotated[Reserve, PlainValidator(values.parse_reserve)] = Field(
        default=Reserve(share=0.3), validation_alias="VOUCHERIFY_RESERVE"
    )
    crm: Annotated[str, PlainValidator(values.parse_visible)] = Field(
        validation_alias="HOLDERSYNC_CRM", description="the CRM to write to, for example sql"
    )
    home: Annotated[Path, PlainValidator(values.parse_home)] = Field(
        default_factory=Path.cwd, validation_alias=HOME_NAME, validate_default=True
    )
    own_ledger_url: Annotated[SecretStr, PlainValidator(_database_url)] = Field(
        default=SecretStr("sqlite:///ledger.db"), validation_alias="HOLDERSYNC_LEDGER_URL"
    )
    own_lock_url: Annotated[SecretStr, PlainValidator(_server_url)] | None = Field(
        default=None, validation_alias="HOLDERSYNC_LOCK_URL"
    )
    customers: Annotated[str, PlainValidator(values.parse_customers)] = Field(
        default="all", validation_alias="HOLDERSYNC_CUSTOMERS"
    )
    codes_by: Literal["list", "export"] = Field(
        default="list", validation_alias="HOLDERSYNC_CODES_BY"
    )
    lookback: DurationOrNone = Field(
        default=timedelta(hours=1), validation_alias="HOLDERSYNC_LOOKBACK"
    )
    initial_lookback: Duration = Field(
        default=timedelta(days=30), validation_alias="HOLDERSYNC_INITIAL_LOOKBACK"
    )
    max_wait: Duration = Field(
        default=timedelta(seconds=60), validation_alias="HOLDERSYNC_MAX_WAIT"
    )
    max_unassignments: Count = Field(default=500, validation_alias="HOLDERSYNC_MAX_UNASSIGNMENTS")
    max_staleness: Duration = Field(
        default=timedelta(days=7), validation_alias="HOLDERSYNC_MAX_STALENESS"
    )
    not_found_for: Duration = Field(
        default=timedelta(days=7), validation_alias="HOLDERSYNC_NOT_FOUND_FOR"
    )
    validation: Literal["strict", "lenient"] = Field(
        default="strict", validation_alias="HOLDERSYNC_VALIDATION"
    )
    on_customer_gone: Literal["dead-letter", "unassign"] = Field(
        default="dead-letter", validation_alias="HOLDERSYNC_ON_CUSTOMER_GONE"
    )
    webhook_secret: Annotated[SecretStr, PlainValidator(_secret)] | None = Field(
        default=None, validation_alias="HOLDERSYNC_WEBHOOK_SECRET"
    )
    log_format: Literal["console", "json"] = Field(
        default="console", validation_alias="HOLDERSYNC_LOG_FORMAT"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` merged, and read nothing a second time."""
        return (init_settings,)

    @validates("region")
    @classmethod
    def _one_place(cls, region: Region | None, info: ValidationInfo) -> Region | None:
        if "own_base_url" not in info.data:
            return region
        own = info.data["own_base_url"]
        if own is None and region is None:
            msg = "not set; write eu, us or as, or set VOUCHERIFY_BASE_URL"
            raise ValueError(msg)
        if own is not None and region is not None and own != _BASE_URLS[region]:
            msg = "VOUCHERIFY_BASE_URL names another place; set one of the two"
            raise ValueError(msg)
        return region

    @property
    def base_url(self) -> str:
        """Where Voucherify's API is, without a slash at the end.

        Source: Voucherify documentation, "API endpoints" (one per region, or a dedicated one).
        """
        return self.own_base_url or _BASE_URLS[self.region or "eu"]

    @property
    def ledger_url(self) -> str:
        """The ledger's absolute URL; it may hold a password, so it is for opening, not showing."""
        return urls.absolute_database_url(self.own_ledger_url.get_secret_value(), self.home)

    @property
    def lock_url(self) -> str | None:
        """The direct connection that holds the ledger's locks; None takes the ledger's own."""
        return self.own_lock_url.get_secret_value() if self.own_lock_url else None

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What may have signed a webhook: one secret or, while it is changed, two with a comma."""
        text = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return tuple(each for each in text.split(",") if each)

    @property
    def share(self) -> Share:
        """Our own calls per billing cycle."""
        return Share(self.calls_per_cycle, self.cycle_start_day)


SETTING_NAMES: Final = frozenset(
    str(one.validation_alias) for one in Settings.model_fields.values()
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one reading of environment and env file gave.

    `env` is both merged, for the adapters: without empty values and outer white space, with an
    absolute HOLDERSYNC_HOME. `warnings` are for the log; `env_file` is the file that was read.
    """

    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    env_file: Path | None
    warnings: tuple[str, ...]
    env_file_names: frozenset[str] = field(repr=False)
    environ_names: frozenset[str] = field(repr=False)

    def check_names(self, known: frozenset[str]) -> tuple[str, ...]:
        """Check the names of the chosen adapter's prefix, as `check_names` does."""
        return check_names(self.env_file_names, self.environ_names, known)

    def secrets(self, adapter_names: Collection[str] = ()) -> tuple[str, ...]:
        """Give every secret value among our settings and the adapter's, to be hidden in logs."""
        return tuple(sorted(set(_secrets(self.env, SETTING_NAMES | set(adapter_names)))))


def load(env_file: Path | None, *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read the settings; what is in the environment wins over the env file.

    Args:
        env_file: what `--env-file` named; None takes `.env` in the home, if there is one.
        environ: the environment.

    Raises:
        NothingConfiguredError: no name of ours is set anywhere.
        TellUserError: all that has to be changed, one line per name.
    """
    path = env_files.find(env_file, environ.get(HOME_NAME, "").strip())
    from_file = {} if path is None else env_files.read(path)
    env = {**_set_values(from_file), **_set_values(environ)}
    errors, warnings = name_problems(from_file, environ, SETTING_NAMES)
    if not errors and not _any_of_ours(from_file, environ):
        msg = "nothing is configured: no VOUCHERIFY_ or HOLDERSYNC_ name is set"
        raise NothingConfiguredError(msg if path is None else f"{msg}, also not in {path}")
    settings, value_errors = _settings(env)
    if settings is None or errors:
        where = "the environment" if path is None else f"the environment or {path}"
        lines = (f"settings to change, in {where}:", *value_errors, *errors)
        raise TellUserError("\n  ".join(lines))
    return Loaded(
        settings=settings,
        env=MappingProxyType({**env, HOME_NAME: str(settings.home)}),
        env_file=path,
        warnings=(*(() if path is None else env_files.warnings_about(path)), *warnings),
        env_file_names=frozenset(from_file),
        environ_names=frozenset(environ),
    )


def check_names(
    env_file_names: Collection[str], environ_names: Collection[str], known: frozenset[str]
) -> tuple[str, ...]:
    """Find misspelt names of the prefixes that `known` implies, for example `CRM_SQL_`.

    Returns:
        Warnings, one line each.

    Raises:
        TellUserError: a name is near a real one, or one in the env file doesn't exist.
    """
    errors, warnings = name_problems(
        set(env_file_names) - SETTING_NAMES, set(environ_names) - SETTING_NAMES, known
    )
    if errors:
        raise TellUserError("\n  ".join(("settings to change:", *errors)))
    return warnings


def _set_values(found: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out what is empty; a line end that a shell or a mounted secret left is cut off."""
    return {name: value.strip() for name, value in found.items() if value.strip()}


def _any_of_ours(*found: Mapping[str, str]) -> bool:
    prefixes = prefixes_of(SETTING_NAMES)
    return any(name.startswith(prefixes) for names in found for name in names)


def _settings(env: Mapping[str, str]) -> tuple[Settings | None, tuple[str, ...]]:
    """Validate; the library's error ends here, since its details hold what was given."""
    ours: dict[str, Any] = {name: env[name] for name in SETTING_NAMES & env.keys()}
    try:
        return Settings(**ours), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    return None, tuple(_told(str(one["loc"][0]), one["type"], one["msg"]) for one in details)


def _told(place: str, kind: str, message: str) -> str:
    """Write one problem; a value is placed by its setting name, a default by its field's."""
    one = Settings.model_fields.get(place)
    name = place if one is None else one.validation_alias
    if kind != "missing":
        return f"{name}: {message.removeprefix('Value error, ')}"
    descriptions = {one.validation_alias: one.description for one in Settings.model_fields.values()}
    return f"{name}: not set; {descriptions[place]}"


def _secrets(env: Mapping[str, str], names: Collection[str]) -> Iterator[str]:
    for name in set(names) & env.keys():
        if name.endswith(_SECRET_ENDINGS):
            yield env[name]
        yield from urls.url_passwords(env[name])
