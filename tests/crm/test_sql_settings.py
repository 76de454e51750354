"""`CRM_SQL_URL`: what is accepted, what is refused, and that no text repeats it."""

import sys
import traceback

import pytest

from sync.crm.adapter import API_VERSION, Capability, Outcome, Result, TellUserError
from sync.crm.sql import SqlAdapter


def from_env(url, home="/home/shop"):
    return SqlAdapter.from_env({"CRM_SQL_URL": url, "HOLDERSYNC_HOME": home})


def refusal(url):
    """The whole traceback as a log would show it, and the message."""
    with pytest.raises(TellUserError, match="CRM_SQL_URL") as caught:
        from_env(url)
    return "".join(traceback.format_exception(caught.value)), str(caught.value)


@pytest.mark.parametrize("env", [{}, {"CRM_SQL_URL": ""}, {"CRM_SQL_URL": "  "}])
def test_a_missing_url_is_named_with_an_example(env):
    with pytest.raises(TellUserError, match=r"CRM_SQL_URL is missing: .*sqlite:///crm.db"):
        SqlAdapter.from_env({"HOLDERSYNC_HOME": "/home/shop", **env})


def test_a_relative_path_starts_at_the_home(tmp_path, unassignment):
    adapter = from_env("sqlite:///data/crm.db", home=str(tmp_path))
    (tmp_path / "data").mkdir()

    assert adapter.unassign([unassignment()]) == [Outcome(Result.ASSIGNMENT_NOT_FOUND)]
    assert (tmp_path / "data" / "crm.db").is_file()


def test_an_absolute_path_stays_as_it_is(tmp_path, unassignment):
    adapter = from_env(f"sqlite:///{tmp_path}/crm.db", home="/home/shop")

    adapter.unassign([unassignment()])

    assert (tmp_path / "crm.db").is_file()


def test_making_an_adapter_makes_no_file(tmp_path):
    from_env("sqlite:///crm.db", home=str(tmp_path)).close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3cret", "is not a URL"),
        ("postgresql://ann:s3cret@host:s3cret/db", "is not a URL"),
        ("postgresql://ann:s3cret@ho..st/db", "is not a URL"),
        ("postgresql://ann:s3cret%00@host/db", "is not a URL"),
        ("postgresql://ann:s3cret\udcff@host/db", "is not a URL"),
        ("postgresql://ann:s3cret@host/db?options=%00", "is not a URL"),
        ("sqlite:///s3cret\0.db", "is not a URL"),
        ("postgresql://ann:p@s3cret@host/db", "an @ in a user or a password as %40"),
        ("postgresql://ann:p@s3cret/s3cret@host/db", "an @ in a user or a password as %40"),
        ("nosuch://ann:s3cret@host/db", "needs a database or driver that SQLAlchemy knows"),
        ("oracle+cx_oracle://ann:s3cret@host/db", "needs the Python module 'cx_Oracle'"),
        ("sqlite+aiosqlite:///s3cret.db", "needs "),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:s3cret?uri=true", "names no file"),
        ("sqlite:///crm.db?mode=s3cret", "only timeout"),
        ("sqlite:///crm.db?timeout=s3cret", "has an option"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_its_value(url, says):
    shown, message = refusal(url)

    assert says in message
    assert "s3cret" not in shown


def test_a_driver_that_is_an_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    _, message = refusal("postgresql+psycopg://ann:s3cret@host/db")

    assert message.endswith("pip install 'holdersync[postgres]'")


def test_the_destination_is_a_name_and_eight_hex_digits():
    name, _, digits = from_env("sqlite:///crm.db").destination.partition("-")

    assert name == "sql"
    assert len(digits) == 8
    assert set(digits) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("sqlite:///crm.db", "/home/shop"), ("sqlite:////home/shop/crm.db", "/elsewhere")),
        (("sqlite:///crm.db", "/home/shop"), ("sqlite:///../shop/./crm.db", "/home/shop")),
        (("sqlite:///crm.db", "/home/shop"), ("sqlite:///crm.db?timeout=9", "/home/shop")),
        (("sqlite:///crm.db", "/home/shop"), ("sqlite+pysqlite:///crm.db", "/home/shop")),
    ],
)
def test_the_same_file_is_the_same_destination(first, second):
    assert from_env(*first).destination == from_env(*second).destination


def test_another_home_is_another_destination():
    here, there = from_env("sqlite:///crm.db", "/a"), from_env("sqlite:///crm.db", "/b")

    assert here.destination != there.destination


def test_what_the_class_declares():
    assert SqlAdapter.api_version == API_VERSION
    assert SqlAdapter.setting_names == {"CRM_SQL_URL", "CRM_SQL_MAPPING"}
    assert Capability.COMPARES_ON_SERVER in from_env("sqlite:///crm.db").capabilities
