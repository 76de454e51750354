"""Any text in any setting: taken and usable, or refused by name; never a traceback or a secret.

The short form loads some thousand settings, `--long` some ten thousand. How many there were, and
what became of them, is told at the end of the test run.
"""

import traceback
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from random import Random
from urllib.parse import urlsplit

import pytest
import requests

from sync import app
from sync.errors import TellUserError
from sync.settings import SETTING_NAMES, load
from sync.voucherify.client import credentials

MARK = "0penSe5ame"
"""Is in what is made up here; no error may show it."""
TOKEN = f"{MARK}-token"
REQUIRED = {
    "VOUCHERIFY_REGION": "eu",
    "VOUCHERIFY_APP_ID": "app-id",
    "VOUCHERIFY_APP_TOKEN": TOKEN,
    "HOLDERSYNC_CRM": "sql",
    "CRM_SQL_URL": "sqlite:///crm.db",
}
URLS = ["sqlite:///a.db", "sqlite:////tmp/a.db", "postgresql://h/d?host=/run&a=b"]
URLS += [f"postgresql+psycopg://me:{MARK}@host:5/db"]
DURATIONS = ["PT1H", "P30D", "90s", "5m", "2w", "3650d"]
COUNTS = ["1", "500", "20_000", "999999999"]
RIGHT = {
    "VOUCHERIFY_REGION": ["eu", "us", "as", ""],
    "VOUCHERIFY_BASE_URL": ["https://api.voucherify.io", "http://localhost:1", "https://[::1]:8/"],
    "VOUCHERIFY_APP_ID": ["app-id"],
    "VOUCHERIFY_APP_TOKEN": [TOKEN],
    "VOUCHERIFY_RATE": ["50/min", "2.5/s", "3000/h", "0.000000001/h"],
    "VOUCHERIFY_CALLS_PER_CYCLE": COUNTS,
    "VOUCHERIFY_CYCLE_START_DAY": ["1", "31"],
    "VOUCHERIFY_RESERVE": ["30%", "99.999999999%", "200", "0"],
    "HOLDERSYNC_CRM": ["sql", "sync.crm.sql.adapter:SqlAdapter", "their.module:Adapter"],
    "HOLDERSYNC_HOME": [".", "/tmp", "/"],
    "HOLDERSYNC_LEDGER_URL": URLS,
    "HOLDERSYNC_LOCK_URL": URLS,
    "HOLDERSYNC_CUSTOMERS": ["all", "-", "file:ids", "file:/a b/ids", "all,holders:v,crm,hints"],
    "HOLDERSYNC_CODES_BY": ["list", "export"],
    "HOLDERSYNC_LOOKBACK": DURATIONS,
    "HOLDERSYNC_INITIAL_LOOKBACK": DURATIONS,
    "HOLDERSYNC_MAX_WAIT": DURATIONS,
    "HOLDERSYNC_MAX_UNASSIGNMENTS": COUNTS,
    "HOLDERSYNC_MAX_STALENESS": DURATIONS,
    "HOLDERSYNC_NOT_FOUND_FOR": DURATIONS,
    "HOLDERSYNC_VALIDATION": ["strict", "lenient"],
    "HOLDERSYNC_ON_CUSTOMER_GONE": ["dead-letter", "unassign"],
    "HOLDERSYNC_LOG_FORMAT": ["console", "json"],
    "HOLDERSYNC_WEBHOOK_SECRET": [TOKEN],
    "CRM_SQL_URL": [*URLS, "sqlite:///crm.db?timeout=1", "mysql://me@host/db"],
}
"""What is right in each setting, and what is nearly so."""
ANYWHERE = [text for texts in RIGHT.values() for text in texts if text != TOKEN]
PIECES = [
    *("", " ", "\t", "\n", "\r\n", "\0", "\x1b[2J", "\x7f", "\x85", "\xa0", "\u2028", "\u202e"),
    *(
        "\udcff",
        "\ud800",
        "\ufeff",
        "é",
        "ß",
        "İ",
        "٣",
        "\uff19",
        "½",
        "😀",
        "\u2100",
        "xn--",
        "x" * 70,
    ),
    *("/", "//", "\\", "..", ":", "::", "@", "#", "?", "&", "%", "%00", "%2F", "=", ";", ",", "'"),
    *('"', "`", "$HOME", "${HOME}", "~", "*", "<", "{}", "{0}", "%s", "[", "]", "-", "+", "_", "."),
    *("0", "1", "-1", "1e9", "1" * 5_000, "inf", "nan", "null", "None", "true", "[1]", '{"a": 1}'),
    *("https://", "http://", "sqlite:///", "postgresql://", "file:", "mysql://"),
    *("s", "h", "P", "T"),
    *(":memory:", "user:pass@", "0.0.0.0", "169.254.169.254", "[::1]", "localhost", "os:path"),
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def some_text(chance, name):
    """A text that is right, nearly right, or nothing like it; many with the mark."""
    text = chance.choice(chance.choice([RIGHT[name], RIGHT[name], ANYWHERE, [""]]))
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice([*PIECES, MARK]) + text[at + chance.randrange(3) :]
    return text


def some_settings(chance):
    """Required settings, of which some have an unlikely value, or are missing."""
    environ = dict(REQUIRED)
    for name in chance.sample(list(RIGHT), chance.choice([1, 1, 1, 2, 5])):
        environ[name] = some_text(chance, name)
    if ":" in environ["HOLDERSYNC_CRM"]:
        # The name of a module is told; whoever wrote one meant no secret.
        environ["HOLDERSYNC_CRM"] = environ["HOLDERSYNC_CRM"].replace(MARK, "")
    # What is in no encoding is for the adapter's own tests.
    environ["CRM_SQL_URL"] = environ["CRM_SQL_URL"].encode("utf-8", "replace").decode()
    if chance.randrange(20) == 0:
        del environ[chance.choice(list(environ))]
    return environ


def some_file(chance):
    """The bytes of an env file that somebody may have written, or has damaged."""
    quote = chance.choice(["", "'", '"'])
    environ = some_settings(chance) if chance.randrange(2) else REQUIRED
    lines = [f"{name}={quote}{value}{quote}" for name, value in environ.items()]
    text = chance.choice(["\n", "\r\n", "\n\n"]).join(lines)
    content = bytearray(text.encode(chance.choice([*["utf-8"] * 9, "utf-16"]), "replace"))
    for _ in range(chance.choice([0, 0, 1, 3])):
        at = chance.randrange(len(content))
        content[at : at + chance.randrange(2)] = chance.randbytes(chance.randrange(2))
    return bytes(content)


def outcome_of(environ, env_file=None):
    """Load the settings as a command does, and use each; give how that ended."""
    loaded = refusal = None
    try:
        loaded = load(env_file, environ=environ)
        ready = app.configure(loaded)
        with closing(ready.adapter) as adapter:
            assert MARK not in adapter.destination
        require_usable(ready)
    except TellUserError as error:
        refusal = error
    assert TOKEN not in repr(loaded)
    if refusal is None:
        return "taken"
    assert MARK not in "".join((str(refusal), *traceback.format_exception(refusal)))
    assert refusal.exit_code == 78
    assert any(name in str(refusal) for name in RIGHT) or env_file is not None
    return "refused"


def require_usable(ready):
    """Prove that what was taken will be no surprise later."""
    settings = ready.settings
    base = urlsplit(requests.Request("GET", f"{settings.base_url}/v1/x").prepare().url)
    assert base.path == "/v1/x"
    assert base.scheme == "https" or is_loopback(base.hostname), settings.base_url
    for value in credentials(settings.app_id, settings.app_token.get_secret_value()).values():
        value.encode("ascii")
    ready.ledger_place.encode()
    assert ready.locks
    assert settings.app_token.get_secret_value() in ready.secrets
    longest_wait = settings.rate.interval * 1_000_000_000
    now = datetime.now(UTC)
    assert timedelta(seconds=longest_wait) > timedelta(0)
    assert now - settings.lookback - settings.initial_lookback < now + settings.max_wait
    assert settings.share.todays(date(2026, 2, 28), 0) > 0 or settings.calls_per_cycle < 40
    assert 0 <= settings.reserve.of(100) <= 100 or settings.reserve.calls
    assert settings.max_unassignments > 0


def is_loopback(host):
    return host == "localhost" or ip_address(host).is_loopback


def test_every_setting_is_among_those_that_are_tried():
    assert RIGHT.keys() == SETTING_NAMES | {"CRM_SQL_URL"}


def test_no_text_in_any_setting_does_any_harm(long, tell):
    ends = Counter()
    for seed in range(60_000 if long else 800):
        environ = some_settings(Random(seed))
        try:
            ends[outcome_of(environ)] += 1
        except Exception as error:
            changed = {name: text for name, text in environ.items() if REQUIRED.get(name) != text}
            msg = f"seed {seed}, {changed!r}: {type(error).__name__}: {error}"
            raise AssertionError(msg) from error

    tell(f"settings: {dict(ends)}")
    assert min(ends["taken"], ends["refused"]) > sum(ends.values()) / 20


def test_no_bytes_in_an_env_file_do_any_harm(long, tell, home):
    ends = Counter()
    file = home / "some.env"
    for seed in range(10_000 if long else 150):
        content = some_file(Random(seed))
        file.write_bytes(content)
        try:
            ends[outcome_of({}, file)] += 1
        except Exception as error:
            msg = f"seed {seed}, {content!r}: {type(error).__name__}: {error}"
            raise AssertionError(msg) from error

    tell(f"env files: {dict(ends)}")
    assert min(ends["taken"], ends["refused"]) > sum(ends.values()) / 50
