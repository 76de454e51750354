"""Wrong keys and wrong settings: told at once, without a traceback and without a secret."""

import re

import pytest

TOKEN = "5ecre7-0f-the-5hop"


def holds_no_secret(shop, *texts):
    files = [path.read_bytes() for path in shop.home.rglob("*") if path.is_file()]
    return not any(TOKEN in text for text in texts) and not any(
        TOKEN.encode() in content for content in files
    )


def test_a_wrong_token_ends_with_77_after_one_call(shop):
    result, calls = shop.calls_of(lambda: shop.run(VOUCHERIFY_APP_TOKEN=TOKEN))

    assert result.code == 77
    assert calls == 1
    assert "VOUCHERIFY_APP_TOKEN" in result.err
    assert "Traceback" not in result.err
    assert holds_no_secret(shop, result.out, result.err)


def test_a_wrong_token_costs_one_call_also_for_named_customers(shop, tmp_path):
    shop.run()
    ids = tmp_path / "ids"
    ids.write_text("\n".join(each.customer_id for each in shop.world.customers))

    result, calls = shop.calls_of(
        lambda: shop.run("--customers", f"file:{ids}", VOUCHERIFY_APP_TOKEN=TOKEN)
    )

    assert (result.code, calls) == (77, 1)


@pytest.mark.parametrize("missing", ["VOUCHERIFY_APP_ID", "HOLDERSYNC_CRM", "CRM_SQL_URL"])
def test_a_missing_setting_is_named_and_nothing_else_is_shown(shop, missing):
    del shop.settings[missing]

    result, calls = shop.calls_of(lambda: shop.run(VOUCHERIFY_APP_TOKEN=TOKEN))

    assert (result.code, calls) == (78, 0)
    assert missing in result.err
    assert "Traceback" not in result.err
    assert holds_no_secret(shop, result.out, result.err)


@pytest.mark.parametrize(
    ("misspelt", "real"),
    [
        ("VOUCHERIFY_APPTOKEN", "VOUCHERIFY_APP_TOKEN"),
        ("HOLDERSYNC_LEDGER_URI", "HOLDERSYNC_LEDGER_URL"),
        ("CRM_SQL_URI", "CRM_SQL_URL"),
    ],
)
def test_a_misspelt_setting_is_told_with_the_nearest_real_one(shop, misspelt, real):
    result = shop.run(**{misspelt: TOKEN})

    assert result.code == 78
    assert misspelt in result.err
    assert real in result.err
    assert holds_no_secret(shop, result.out, result.err)


def test_no_secret_is_in_any_output_of_a_whole_run(new_shop):
    shop = new_shop()
    token = shop.playground.app_token

    outputs = [
        shop.command(*arguments)
        for arguments in (
            ("check",),
            ("run", "--json"),
            ("status", "--json"),
            ("dead-letters", "list"),
        )
    ]

    assert [each.code for each in outputs] == [0, 65, 0, 0]
    assert not any(token in each.out + each.err for each in outputs)
    files = [path.read_bytes() for path in shop.home.rglob("*") if path.is_file()]
    assert not any(token.encode() in content for content in files)


FORCED = """
from sync.crm.adapter import API_VERSION

class Broken:
    api_version = API_VERSION
    setting_names = frozenset({"CRM_BROKEN_TOKEN"})
    destination = "broken-1"
    place = "nowhere"
    capabilities = frozenset()

    def __init__(self, token):
        self.token = token

    @classmethod
    def from_env(cls, env):
        return cls(env["CRM_BROKEN_TOKEN"])

    def check(self): ...

    def unassign(self, batch):
        raise RuntimeError(f"could not connect with {self.token} for {batch[0].email}")

    def close(self): ...
"""


def test_a_token_that_slipped_into_another_setting_is_not_repeated(shop):
    result = shop.run(HOLDERSYNC_CRM=TOKEN)

    assert result.code == 78
    assert "HOLDERSYNC_CRM" in result.err
    assert holds_no_secret(shop, result.out, result.err)


def test_a_bug_in_an_adapter_ends_with_70_names_the_place_and_prevents_no_reading(shop):
    (shop.home / "broken_adapter.py").write_text(FORCED)

    result = shop.process(
        "run",
        "--json",
        HOLDERSYNC_CRM="broken_adapter:Broken",
        CRM_BROKEN_TOKEN=TOKEN,
        PYTHONPATH=f"{shop.home}",
    )

    assert result.code == 70
    assert "RuntimeError in broken_adapter.py" in result.err
    assert result.json["events"]["new"] == result.json["pending"] > 0
    assert TOKEN not in result.err + result.out
    assert not re.search(r"[\w.]+@example\.(com|org)", result.err)
    assert shop.ledger("SELECT exit_code FROM runs") == [(70,)]


def test_the_traceback_of_a_forced_error_is_shown_without_secrets(shop):
    raising = FORCED.replace(
        'return cls(env["CRM_BROKEN_TOKEN"])',
        'raise RuntimeError("refused " + env["CRM_BROKEN_TOKEN"] + env["VOUCHERIFY_APP_TOKEN"])',
    )
    (shop.home / "raising_adapter.py").write_text(raising)

    result = shop.process(
        "run",
        HOLDERSYNC_CRM="raising_adapter:Broken",
        CRM_BROKEN_TOKEN=TOKEN,
        PYTHONPATH=f"{shop.home}",
    )

    assert result.code == 70
    assert "Traceback" in result.err
    assert "RuntimeError" in result.err
    assert TOKEN not in result.err + result.out
    assert shop.playground.app_token not in result.err + result.out
