"""An env file that everybody can read holds a key: said wherever somebody looks."""

import pytest


@pytest.fixture
def open_file(shop):
    """A shop whose settings are in a file that others can read."""
    file = shop.home / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in shop.settings.items()))
    shop.settings = {"HOLDERSYNC_HOME": str(shop.home)}
    file.chmod(0o644)
    return file


def test_on_a_terminal_a_command_warns_of_it(shop, open_file, on_a_terminal):
    shown = on_a_terminal(shop, "status")

    assert f"the env file can be read by others: chmod 600 {open_file}" in shown.replace("\r\n", "")


def test_a_check_warns_of_it_in_both_forms_and_is_no_failure(shop, open_file):
    text, figures = shop.command("check"), shop.command("check", "--json").json

    warning = f"the env file can be read by others: chmod 600 {open_file}"
    assert warning in text.out
    assert {"what": "warning", "exit_code": 0, "text": warning} in figures["findings"]
    assert text.code == 0
    assert shop.playground.app_token not in text.out + text.err
