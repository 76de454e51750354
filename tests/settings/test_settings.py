"""What `load` gives, what it refuses, and what its texts never show."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sync.errors import TellUserError
from sync.model.allowance import Rate, Reserve, Share
from sync.settings import SETTING_NAMES, NothingConfiguredError, Settings, load

TOKEN = "sk_live_AAAA"
REQUIRED = {
    "VOUCHERIFY_REGION": "eu",
    "VOUCHERIFY_APP_ID": "app-id",
    "VOUCHERIFY_APP_TOKEN": TOKEN,
    "HOLDERSYNC_CRM": "sql",
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(**changed):
    return load(None, environ={**REQUIRED, **changed})


def refusal(environ, env_file=None):
    with pytest.raises(TellUserError) as caught:
        load(env_file, environ=environ)
    assert caught.value.exit_code == 78
    return caught.value


def values_of(settings):
    secret = {"app_token", "own_ledger_url", "own_lock_url"}
    return {name: value for name, value in settings if name not in secret}


def lines_about(error):
    return {line.strip().partition(":")[0]: line for line in str(error).splitlines()[1:]}


def test_the_required_settings_are_enough_and_the_rest_has_defaults(home):
    settings = loaded().settings

    assert values_of(settings) == {
        "own_base_url": None,
        "region": "eu",
        "app_id": "app-id",
        "rate": Rate(50 / 60),
        "calls_per_cycle": 20_000,
        "cycle_start_day": 1,
        "reserve": Reserve(share=0.3),
        "crm": "sql",
        "home": home,
        "customers": "all",
        "codes_by": "list",
        "lookback": timedelta(hours=1),
        "initial_lookback": timedelta(days=30),
        "max_wait": timedelta(seconds=60),
        "max_unassignments": 500,
        "max_staleness": timedelta(days=7),
        "webhook_secret": None,
        "not_found_for": timedelta(days=7),
        "validation": "strict",
        "on_customer_gone": "dead-letter",
        "log_format": "console",
    }
    assert settings.app_token.get_secret_value() == TOKEN
    assert settings.ledger_url == f"sqlite:///{home}/ledger.db"
    assert settings.lock_url is None
    assert settings.share == Share(20_000, 1)


def test_every_setting_can_be_set(home):
    (home / "data").mkdir()
    settings = loaded(
        VOUCHERIFY_RATE="2/s",
        VOUCHERIFY_CALLS_PER_CYCLE="5_000",
        VOUCHERIFY_CYCLE_START_DAY="31",
        VOUCHERIFY_RESERVE="100",
        HOLDERSYNC_CRM="their.module:Adapter",
        HOLDERSYNC_HOME="data",
        HOLDERSYNC_LEDGER_URL="sqlite:///mine.db",
        HOLDERSYNC_LOCK_URL="postgresql://me@host/db",
        HOLDERSYNC_CUSTOMERS="file:ids.txt",
        HOLDERSYNC_LOOKBACK="0s",
        HOLDERSYNC_INITIAL_LOOKBACK="P1D",
        HOLDERSYNC_MAX_WAIT="5m",
        HOLDERSYNC_MAX_UNASSIGNMENTS="1",
        HOLDERSYNC_NOT_FOUND_FOR="1w",
        HOLDERSYNC_VALIDATION="lenient",
        HOLDERSYNC_ON_CUSTOMER_GONE="unassign",
        HOLDERSYNC_LOG_FORMAT="json",
    ).settings

    assert (settings.rate, settings.reserve) == (Rate(2), Reserve(calls=100))
    assert (settings.crm, settings.customers) == ("their.module:Adapter", "file:ids.txt")
    assert settings.home == home / "data"
    assert settings.share == Share(5_000, 31)
    assert settings.ledger_url == f"sqlite:///{home}/data/mine.db"
    assert settings.lock_url == "postgresql://me@host/db"
    assert (settings.lookback, settings.initial_lookback) == (timedelta(0), timedelta(days=1))
    assert (settings.max_wait, settings.not_found_for) == (timedelta(minutes=5), timedelta(weeks=1))
    assert settings.max_unassignments == 1
    assert (settings.validation, settings.on_customer_gone) == ("lenient", "unassign")
    assert settings.log_format == "json"


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        loaded().settings.crm = "other"


def test_settings_read_nothing_by_themselves(monkeypatch, home):
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in REQUIRED.items()))

    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({"VOUCHERIFY_REGION": "eu"}, "https://api.voucherify.io"),
        ({"VOUCHERIFY_REGION": "us"}, "https://us1.api.voucherify.io"),
        ({"VOUCHERIFY_REGION": "as"}, "https://as1.api.voucherify.io"),
        ({"VOUCHERIFY_REGION": "", "VOUCHERIFY_BASE_URL": "https://own.example/"}, None),
        ({"VOUCHERIFY_BASE_URL": "https://api.voucherify.io/"}, "https://api.voucherify.io"),
    ],
)
def test_a_region_or_a_base_url_says_where_voucherify_is(changed, url):
    assert loaded(**changed).settings.base_url == (url or "https://own.example")


def test_a_region_and_a_base_url_that_disagree_are_refused():
    error = refusal({**REQUIRED, "VOUCHERIFY_BASE_URL": "https://own.example"})

    assert lines_about(error) == {
        "VOUCHERIFY_REGION": (
            "  VOUCHERIFY_REGION: VOUCHERIFY_BASE_URL names another place; set one of the two"
        )
    }


def test_all_that_is_missing_is_told_together_with_what_it_is():
    error = refusal({"HOLDERSYNC_LOG_FORMAT": "json"})

    assert str(error).splitlines() == [
        "settings to change, in the environment:",
        "  VOUCHERIFY_REGION: not set; write eu, us or as, or set VOUCHERIFY_BASE_URL",
        "  VOUCHERIFY_APP_ID: not set; the id of the API key in Voucherify",
        "  VOUCHERIFY_APP_TOKEN: not set; the secret of the same API key",
        "  HOLDERSYNC_CRM: not set; the CRM to write to, for example sql",
    ]


WRONG = {
    "VOUCHERIFY_BASE_URL": ("http://x", "https://"),
    "VOUCHERIFY_REGION": ("mars", "'eu', 'us' or 'as'"),
    "VOUCHERIFY_APP_ID": ("a b", "without spaces"),
    "VOUCHERIFY_APP_TOKEN": ("a\nb", "without spaces"),
    "VOUCHERIFY_RATE": ("50", "50/min"),
    "VOUCHERIFY_CALLS_PER_CYCLE": ("20,000", "digits and _ only"),
    "VOUCHERIFY_CYCLE_START_DAY": ("32", "from 1 to 31"),
    "VOUCHERIFY_RESERVE": ("100%", "below 100%"),
    "HOLDERSYNC_CRM": ("s q l", "without spaces"),
    "HOLDERSYNC_HOME": ("nowhere", "a directory that exists"),
    "HOLDERSYNC_LEDGER_URL": ("ledger.db", "sqlite:///"),
    "HOLDERSYNC_LOCK_URL": ("sqlite:///ledger.db", "postgresql+psycopg://"),
    "HOLDERSYNC_CUSTOMERS": ("some", "file:PATH"),
    "HOLDERSYNC_CODES_BY": ("csv", "'list' or 'export'"),
    "HOLDERSYNC_LOOKBACK": ("60", "90s, 5m, 1h, 30d, 2w"),
    "HOLDERSYNC_INITIAL_LOOKBACK": ("0d", "above zero"),
    "HOLDERSYNC_MAX_WAIT": ("1 minute", "90s, 5m, 1h, 30d, 2w"),
    "HOLDERSYNC_MAX_UNASSIGNMENTS": ("0", "from 1 to"),
    "HOLDERSYNC_MAX_STALENESS": ("7", "90s, 5m, 1h, 30d, 2w"),
    "HOLDERSYNC_NOT_FOUND_FOR": ("-1d", "90s, 5m, 1h, 30d, 2w"),
    "HOLDERSYNC_VALIDATION": ("lax", "'strict' or 'lenient'"),
    "HOLDERSYNC_ON_CUSTOMER_GONE": ("ignore", "'dead-letter' or 'unassign'"),
    "HOLDERSYNC_LOG_FORMAT": ("xml", "'console' or 'json'"),
    "HOLDERSYNC_WEBHOOK_SECRET": ("two words", "without spaces"),
}


def test_every_wrong_value_is_told_in_one_error_by_name_and_allowed_form():
    assert frozenset(WRONG) == SETTING_NAMES

    lines = lines_about(refusal({name: value for name, (value, _) in WRONG.items()}))

    assert lines.keys() == WRONG.keys()
    assert [name for name, (_, form) in WRONG.items() if form not in lines[name]] == []


def test_values_and_names_are_told_in_the_same_error(home):
    (home / ".env").write_text("VOUCHERFY_APP_TOKEN=x\nHOLDERSYNC_FOO=1\n")
    error = refusal({"HOLDERSYNC_MAX_WAIT": "60", "VOUCHERIFY_REGIONS": "eu"})

    assert lines_about(error).keys() == {
        *("VOUCHERIFY_REGION", "VOUCHERIFY_APP_ID", "VOUCHERIFY_APP_TOKEN", "HOLDERSYNC_CRM"),
        *("HOLDERSYNC_MAX_WAIT", "VOUCHERFY_APP_TOKEN", "HOLDERSYNC_FOO", "VOUCHERIFY_REGIONS"),
    }
    assert str(error).startswith(f"settings to change, in the environment or {home / '.env'}:")


def test_nothing_of_ours_anywhere_is_an_error_of_its_own(home):
    assert type(refusal({})) is NothingConfiguredError
    assert type(refusal({"PATH": "/bin", "CRM_SQL_URL": "x"})) is NothingConfiguredError
    (home / ".env").write_text("MAILTO=me\n")
    assert str(home / ".env") in str(refusal({}))
    assert type(refusal({})) is NothingConfiguredError


def test_one_name_of_ours_is_a_beginning_even_if_it_is_empty_or_misspelt(home):
    assert type(refusal({"VOUCHERIFY_APP_ID": ""})) is TellUserError
    (home / ".env").write_text("VOUCHERFY_APP_TOKEN=x\n")
    assert type(refusal({})) is TellUserError


@given(name=st.sampled_from(sorted(SETTING_NAMES)), value=st.text(max_size=20))
@hypothesis_settings(max_examples=80, deadline=None)
def test_any_value_is_taken_or_refused_by_name(name, value):
    problems = problems_with({**REQUIRED, name: value})

    # An empty region is told as such; a base URL may disagree with the region.
    assert problems <= {name, "VOUCHERIFY_REGION"}


def problems_with(environ):
    try:
        load(None, environ=environ)
    except TellUserError as error:
        return lines_about(error).keys()
    return set()
