"""`config/.env.example` names every setting, and its defaults are the code's."""

import re
from pathlib import Path

import pytest

from sync.crm.registry import BUILT_IN, adapter_class
from sync.settings import SETTING_NAMES, Settings, load

EXAMPLE = Path(__file__).parents[2] / "config" / ".env.example"
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


def values_of(settings):
    secret = {"app_token", "own_ledger_url", "own_lock_url"}
    return {name: value for name, value in settings if name not in secret}


def example_settings():
    found = re.findall(r"^(#?)([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (mark == "#", value) for mark, name, value in found}


def test_the_example_names_every_setting_once_and_nothing_else():
    names = re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(names) == sorted(SETTING_NAMES | {"CRM_SQL_URL"})


def test_the_example_shows_every_setting_of_the_adapters_and_none_that_they_do_not_read():
    setting = r"^#? *((?:CRM_[A-Z]+|HUBSPOT|SALESFORCE)_[A-Z_]+)="
    shown = re.findall(setting, EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(shown) == set().union(*(adapter_class(name).setting_names for name in BUILT_IN))


def test_the_example_explains_every_setting_and_fits_the_width():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    settings = [place for place, line in enumerate(lines) if re.match(r"#?[A-Z_]+=", line)]

    bare = [lines[place] for place in settings if not lines[place - 1].startswith("# ")]
    assert bare == ["VOUCHERIFY_APP_TOKEN=your-app-token"]
    assert max(len(line) for line in lines) <= 100


def test_the_example_loads_as_it_is():
    got = load(EXAMPLE, environ={})

    assert got.settings.app_token.get_secret_value() == "your-app-token"
    assert got.env["CRM_SQL_URL"] == "sqlite:///crm.db"
    assert got.check_names(frozenset({"CRM_SQL_URL"})) == ()


def test_what_the_example_comments_out_are_the_defaults(home):
    written = example_settings()
    optional = {name: value for name, (commented, value) in written.items() if commented}
    (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in optional.items()))

    spelt_out = load(None, environ=REQUIRED).settings
    (home / ".env").unlink()
    without = load(None, environ=REQUIRED).settings

    assert values_of(spelt_out) == {**values_of(without), "own_base_url": without.base_url}
    assert spelt_out.ledger_url == without.ledger_url
    assert (spelt_out.lock_url, without.lock_url) == (None, None)
    fields = {one.validation_alias: one for one in Settings.model_fields.values()}
    not_required = {name for name, one in fields.items() if not one.is_required()}
    uncommented = {"VOUCHERIFY_REGION", "VOUCHERIFY_CALLS_PER_CYCLE"}
    assert optional.keys() == not_required - uncommented
    assert written["VOUCHERIFY_CALLS_PER_CYCLE"] == (False, str(without.calls_per_cycle))
