"""Misspelt names are found; what hosts inject is not taken for one."""

import pytest

from sync.settings import SETTING_NAMES
from sync.settings.names import name_problems, nearest, prefixes_of

CRM_NAMES = frozenset({"CRM_SQL_URL"})
INJECTED = [
    "VOUCHERIFY_SERVICE_HOST",
    "VOUCHERIFY_SERVICE_PORT",
    "VOUCHERIFY_SERVICE_PORT_HTTP",
    "VOUCHERIFY_PORT",
    "VOUCHERIFY_PORT_80_TCP",
    "VOUCHERIFY_PORT_80_TCP_ADDR",
    "VOUCHERIFY_PORT_443_TCP_PROTO",
    "VOUCHERIFY_APP_PORT",
    "VOUCHERIFY_APP_SERVICE_HOST",
    "HOLDERSYNC_SERVICE_HOST",
    "HOLDERSYNC_PORT",
    "HOLDERSYNC_CRM_PORT",
    "HOLDERSYNC_LEDGER_PORT",
    "HOLDERSYNC_LEDGER_SERVICE_HOST",
    "HOLDERSYNC_LOG_PORT",
]
SLIPS = [
    ("VOUCHERIFY_APPTOKEN", "VOUCHERIFY_APP_TOKEN"),
    ("VOUCHERIFY_APP_TOKENS", "VOUCHERIFY_APP_TOKEN"),
    ("VOUCHERIFY_API_TOKEN", "VOUCHERIFY_APP_TOKEN"),
    ("voucherify_app_token", "VOUCHERIFY_APP_TOKEN"),
    ("VOUCHERIFY_REGIONS", "VOUCHERIFY_REGION"),
    ("VOUCHERIFY_RATES", "VOUCHERIFY_RATE"),
    ("VOUCHERIFY_CYLCE_START_DAY", "VOUCHERIFY_CYCLE_START_DAY"),
    ("HOLDERSYNC_LEDGER_URI", "HOLDERSYNC_LEDGER_URL"),
    ("HOLDERSYNC_HONE", "HOLDERSYNC_HOME"),
    ("HOLDERSYNC_CRN", "HOLDERSYNC_CRM"),
    ("HOLDERSYNC_MAX_UNASSIGMENTS", "HOLDERSYNC_MAX_UNASSIGNMENTS"),
    ("HOLDERSYNC_INITAL_LOOKBACK", "HOLDERSYNC_INITIAL_LOOKBACK"),
]


@pytest.mark.parametrize(("name", "meant"), SLIPS)
def test_a_slip_is_an_error_wherever_it_stands_and_the_real_name_is_suggested(name, meant):
    in_file, _ = name_problems({name}, set(), SETTING_NAMES)
    in_environment, _ = name_problems(set(), {name}, SETTING_NAMES)

    assert in_file == (f"{name}: no such setting (env file); did you mean {meant}?",)
    assert in_environment == (f"{name}: no such setting (environment); did you mean {meant}?",)


@pytest.mark.parametrize("name", INJECTED)
def test_an_unknown_name_is_an_error_in_the_env_file_and_a_warning_in_the_environment(name):
    assert name_problems({name}, set(), SETTING_NAMES) == (
        (f"{name}: no such setting (env file)",),
        (),
    )
    assert name_problems(set(), {name}, SETTING_NAMES) == (
        (),
        (f"{name}: no such setting; ignored, it comes from the environment",),
    )


@pytest.mark.parametrize("name", ["VOUCHERFY_APP_TOKEN", "HOLDERSYN_CRM", "HOLDER_SYNC_CRM"])
def test_a_misspelt_prefix_is_an_error_in_the_env_file_only(name):
    in_file, _ = name_problems({name}, set(), SETTING_NAMES)

    assert len(in_file) == 1
    assert name_problems(set(), {name}, SETTING_NAMES) == ((), ())


def test_unrelated_names_and_the_adapters_are_ignored():
    names = {"MAILTO", "FOO", "PATH", "HUBSPOT_APP_TOKEN", "CRM_SQL_URL", "TOKEN", "RATE"}

    assert name_problems(names, names, SETTING_NAMES) == ((), ())


def test_known_names_are_no_problem():
    assert name_problems(SETTING_NAMES, SETTING_NAMES, SETTING_NAMES) == ((), ())


def test_no_two_settings_are_near_each_other():
    assert [one for one in SETTING_NAMES if nearest(one, SETTING_NAMES - {one})] == []


def test_what_stands_in_both_places_is_told_once():
    assert name_problems({"HOLDERSYNC_FOO"}, {"HOLDERSYNC_FOO"}, SETTING_NAMES) == (
        ("HOLDERSYNC_FOO: no such setting (env file)",),
        (),
    )


def test_problems_come_in_the_order_of_the_names():
    errors, warnings = name_problems(
        {"HOLDERSYNC_BIRD", "HOLDERSYNC_ANT"}, {"HOLDERSYNC_DOG", "HOLDERSYNC_COW"}, SETTING_NAMES
    )

    assert [line.partition(":")[0] for line in errors] == ["HOLDERSYNC_ANT", "HOLDERSYNC_BIRD"]
    assert [line.partition(":")[0] for line in warnings] == ["HOLDERSYNC_COW", "HOLDERSYNC_DOG"]


def test_an_adapters_prefix_is_checked_the_same_way():
    errors, warnings = name_problems(
        {"CRM_SQL_URI", "CRM_HTTP_URL"}, {"CRM_SQL_POOL", "CRM_SQL_URLS", "CRM_HTTP_X"}, CRM_NAMES
    )

    assert errors == (
        "CRM_SQL_URI: no such setting (env file); did you mean CRM_SQL_URL?",
        "CRM_SQL_URLS: no such setting (environment); did you mean CRM_SQL_URL?",
    )
    assert warnings == ("CRM_SQL_POOL: no such setting; ignored, it comes from the environment",)


@pytest.mark.parametrize(
    ("known", "prefixes"),
    [
        (SETTING_NAMES, ("HOLDERSYNC_", "VOUCHERIFY_")),
        (CRM_NAMES, ("CRM_SQL_",)),
        ({"CRM_HTTP_URL", "CRM_HTTP_TOKEN", "CRM_HTTP_TOKEN_FILE"}, ("CRM_HTTP_",)),
        ({"HUBSPOT_TOKEN", "HUBSPOT_TOKEN_FILE"}, ("HUBSPOT_",)),
        ({"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_PORTAL"}, ("HUBSPOT_",)),
        ({"PGPASSWORD", "X_", "_Y"}, ()),
        (frozenset(), ()),
    ],
)
def test_a_prefix_is_what_the_known_names_share(known, prefixes):
    assert prefixes_of(frozenset(known)) == prefixes


def test_with_no_known_names_there_is_nothing_to_say():
    assert name_problems({"A_B"}, {"C_D"}, frozenset()) == ((), ())
