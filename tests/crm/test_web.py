"""How the adapters that speak HTTP read their settings."""

import pytest

from sync.crm.adapter import TellUserError
from sync.crm.web import parse_token, read_as, required


def test_settings_are_given_in_the_order_of_their_names_and_without_space_around_them():
    env = {"B": "two", "A": " one\n", "C": "three"}

    assert required(env, "A", "B") == ["one", "two"]


def test_all_settings_that_are_missing_are_named_at_once():
    with pytest.raises(TellUserError, match=r"^A, C: missing; .*config/\.env\.example"):
        required({"A": " ", "B": "s3cret"}, "A", "B", "C")


@pytest.mark.parametrize("token", ["s3cret token", "s3cret\r\nX-Other: 1", "s3crét", "s3cret\x00"])
def test_a_token_that_no_header_takes_is_refused_by_its_setting_and_not_shown(token):
    with pytest.raises(TellUserError, match=r"^CRM_TOKEN: has characters") as told:
        read_as(parse_token, "CRM_TOKEN", token)

    assert "s3cr" not in str(told.value)
    assert told.value.__suppress_context__


def test_a_token_is_taken_as_it_is():
    assert read_as(parse_token, "CRM_TOKEN", "pat-eu1-~!:=") == "pat-eu1-~!:="
