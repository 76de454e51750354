"""Where settings come from: the environment, the env file, and both as the adapters see them."""

from pathlib import Path

import pytest

from sync.errors import TellUserError
from sync.model.allowance import Rate
from sync.settings import SETTING_NAMES, check_names, load

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


def lines_about(error):
    return {line.strip().partition(":")[0]: line for line in str(error).splitlines()[1:]}


def test_the_environment_wins_over_the_env_file(home):
    (home / ".env").write_text("HOLDERSYNC_CRM=file\nVOUCHERIFY_APP_ID=file\n")
    got = load(None, environ={**REQUIRED, "HOLDERSYNC_CRM": "environment", "VOUCHERIFY_APP_ID": ""})

    assert (got.settings.crm, got.env["HOLDERSYNC_CRM"]) == ("environment", "environment")
    assert (got.settings.app_id, got.env["VOUCHERIFY_APP_ID"]) == ("file", "file")


def test_an_empty_value_counts_as_not_set():
    assert loaded(VOUCHERIFY_RATE="", HOLDERSYNC_HOME=" ").settings.rate == Rate(50 / 60)
    assert "VOUCHERIFY_APP_TOKEN" in lines_about(
        refusal({**REQUIRED, "VOUCHERIFY_APP_TOKEN": "\n"})
    )


def test_a_line_end_that_a_mounted_secret_left_is_cut_off():
    got = loaded(VOUCHERIFY_APP_TOKEN=f"{TOKEN}\r\n", CRM_SQL_URL="sqlite:///crm.db\n")

    assert got.settings.app_token.get_secret_value() == TOKEN
    assert got.env["CRM_SQL_URL"] == "sqlite:///crm.db"


def test_settings_and_adapters_read_the_same_file_the_same_way(home):
    file = home / "other.env"
    file.write_bytes(
        b"\xef\xbb\xbfVOUCHERIFY_APP_TOKEN=a${HOME}b\r\nCRM_X_TOKEN=a${HOME}b\r\nCRM_X_EMPTY=\r\n"
    )
    got = load(Path("other.env"), environ={**REQUIRED, "VOUCHERIFY_APP_TOKEN": "", "HOME": "/x"})

    assert got.env_file == file
    assert got.settings.app_token.get_secret_value() == "a${HOME}b"
    assert got.env["VOUCHERIFY_APP_TOKEN"] == got.env["CRM_X_TOKEN"] == "a${HOME}b"
    assert "CRM_X_EMPTY" not in got.env


def test_dot_env_in_the_home_is_used_and_another_file_replaces_it(home):
    data = home / "data"
    data.mkdir()
    (data / ".env").write_text("HOLDERSYNC_CRM=home\n")
    (home / "other.env").write_text("HOLDERSYNC_CRM=other\n")
    environ = {**REQUIRED, "HOLDERSYNC_CRM": "", "HOLDERSYNC_HOME": "data"}

    assert load(None, environ=environ).settings.crm == "home"
    assert load(None, environ=environ).env_file == data / ".env"
    assert load(home / "other.env", environ=environ).settings.crm == "other"


def test_a_named_env_file_that_is_missing_is_told_by_its_path(home):
    assert str(home / "missing.env") in str(refusal(REQUIRED, Path("missing.env")))


def test_the_mapping_for_adapters_has_an_absolute_home_and_can_not_be_changed(home):
    (home / "data").mkdir()

    assert loaded().env["HOLDERSYNC_HOME"] == str(home)
    assert loaded(HOLDERSYNC_HOME="data").env["HOLDERSYNC_HOME"] == str(home / "data")
    with pytest.raises(TypeError):
        loaded().env["X"] = "y"


def test_a_working_directory_that_a_database_url_can_not_name_is_no_home(home, monkeypatch):
    (home / "wh?t").mkdir()
    monkeypatch.chdir(home / "wh?t")

    error = refusal(REQUIRED)

    assert lines_about(error).keys() == {"HOLDERSYNC_HOME"}
    assert "the default is the working directory" in str(error)


def test_warnings_name_an_open_env_file_and_injected_names(home):
    file = home / ".env"
    file.touch(mode=0o600)
    file.chmod(0o644)

    assert loaded(VOUCHERIFY_SERVICE_HOST="10.0.0.1").warnings == (
        f"the env file can be read by others: chmod 600 {file}",
        "VOUCHERIFY_SERVICE_HOST: no such setting; ignored, it comes from the environment",
    )
    file.chmod(0o600)
    assert loaded().warnings == ()


def test_the_adapters_names_are_checked_in_a_second_step(home):
    known = frozenset({"CRM_SQL_URL"})
    (home / ".env").write_text("CRM_SQL_URL=x\nCRM_HTTP_URL=y\n")
    assert loaded(CRM_SQL_POOL="1").check_names(known) == (
        "CRM_SQL_POOL: no such setting; ignored, it comes from the environment",
    )

    (home / ".env").write_text("CRM_SQL_URI=x\n")
    with pytest.raises(TellUserError, match="did you mean CRM_SQL_URL"):
        loaded().check_names(known)


def test_our_own_names_are_never_an_adapters_misspelt_ones():
    known = frozenset({"HOLDERSYNC_CRM_A", "HOLDERSYNC_CRM_B"})

    assert check_names(SETTING_NAMES, SETTING_NAMES, known) == ()


def test_every_secret_can_be_handed_to_the_logs():
    got = loaded(
        HOLDERSYNC_LEDGER_URL="postgresql://user:p%40ss@host/db",
        HOLDERSYNC_LOCK_URL="postgresql://user:direct@host/db",
        CRM_X_URL="https://me:word@host",
        CRM_X_API_KEY="key-1",
        CRM_X_NAME="plain",
    )

    assert set(got.secrets()) == {TOKEN, "p%40ss", "p@ss", "direct"}
    assert set(got.secrets({"CRM_X_URL", "CRM_X_API_KEY", "CRM_X_NAME", "CRM_X_NONE"})) == {
        *got.secrets(),
        *("word", "key-1"),
    }
