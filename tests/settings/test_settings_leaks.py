"""No error and no repr of the settings shows a value: cron mails what the tool prints."""

import traceback

import pytest
from pydantic import ValidationError

from sync.errors import TellUserError
from sync.settings import SETTING_NAMES, Settings, load

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


def refusal(environ):
    with pytest.raises(TellUserError) as caught:
        load(None, environ=environ)
    return caught.value


LEDGER_URL = f"postgresql://user:{TOKEN}@host/db"
WITH_TOKEN_IN = [
    {"HOLDERSYNC_CRM": ""},
    {"VOUCHERIFY_REGION": ""},
    {"VOUCHERIFY_APPTOKEN": TOKEN},
    {"VOUCHERIFY_APP_TOKEN": f"{TOKEN} {TOKEN}"},
    {"VOUCHERIFY_APP_TOKEN": f"{TOKEN}\udc80"},
    {"HOLDERSYNC_LEDGER_URL": f"post gres://user:{TOKEN}@host/db"},
    {"HOLDERSYNC_LEDGER_URL": LEDGER_URL, "HOLDERSYNC_CRM": ""},
    {"VOUCHERIFY_BASE_URL": f"https://user:{TOKEN}@host"},
    {"VOUCHERIFY_BASE_URL": f"https://{TOKEN}"},
    *({name: f"{TOKEN} ?"} for name in SETTING_NAMES),
]


@pytest.mark.parametrize("changed", WITH_TOKEN_IN)
@pytest.mark.parametrize("in_file", [False, True])
def test_no_error_shows_a_value(changed, in_file, home):
    environ = {**REQUIRED, **changed}
    if in_file:
        lines = (f'{name}="{value}"\n' for name, value in environ.items())
        text = "".join(lines)
        (home / ".env").write_text(text, encoding="utf-8", errors="surrogateescape")
        environ = {}
    error = refusal(environ)

    shown = [str(error), repr(error), *traceback.format_exception(error)]
    assert TOKEN not in "".join(shown)
    assert (error.__cause__, error.__context__) == (None, None)


def test_no_error_about_the_env_file_shows_a_value(home):
    for content in (f"A='{TOKEN}\n", f"{TOKEN}\n", f"A={TOKEN}\udcff\n"):
        (home / ".env").write_text(content, encoding="utf-8", errors="surrogateescape")
        error = refusal({})
        shown = [str(error), repr(error), *traceback.format_exception(error)]
        assert TOKEN not in "".join(shown)


def test_no_repr_shows_a_secret():
    changed = {"HOLDERSYNC_LEDGER_URL": LEDGER_URL, "CRM_X_TOKEN": TOKEN}
    got = load(None, environ={**REQUIRED, **changed})

    for shown in (repr(got), str(got), repr(got.settings), str(got.settings)):
        assert TOKEN not in shown


def test_even_the_librarys_own_error_shows_no_value():
    with pytest.raises(ValidationError) as caught:
        Settings(VOUCHERIFY_APP_TOKEN=TOKEN, HOLDERSYNC_LEDGER_URL=TOKEN)

    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value)
