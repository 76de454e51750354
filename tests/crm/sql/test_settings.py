"""`CRM_SQL_URL`: what is accepted, what is refused, and that no text repeats it."""

import sys
import traceback

import pytest

from sync.crm.adapter import API_VERSION, Capability, Outcome, Result, TellUserError
from sync.crm.sql.adapter import SqlAdapter


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


@pytest.mark.parametrize(
    ("driver", "url", "extra"),
    [
        ("psycopg", "postgresql+psycopg://ann:s3cret@host/db", "postgres"),
        ("pymysql", "mysql+pymysql://ann:s3cret@host/db", "mysql"),
    ],
)
def test_a_driver_that_is_an_extra_is_named_with_the_command(monkeypatch, driver, url, extra):
    monkeypatch.setitem(sys.modules, driver, None)

    _, message = refusal(url)

    assert f"pip install 'holdersync[{extra}]'" in message


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


MAPPING = """
object = "contacts"
find = ["prop:vid = customer_id"]
[[slot]]
code = "code"
"""


@pytest.fixture
def mapped(tmp_path):
    """Make an adapter with a mapping of this text, in a file that the home is a start for."""

    def make(text=MAPPING, url="sqlite:///crm.db"):
        (tmp_path / "mapping.toml").write_text(text)
        env = {"CRM_SQL_URL": url, "CRM_SQL_MAPPING": "mapping.toml"}
        return SqlAdapter.from_env(env | {"HOLDERSYNC_HOME": str(tmp_path)})

    return make


def test_a_mapping_makes_another_destination_of_the_same_database(mapped, tmp_path):
    embedded = from_env("sqlite:///crm.db", home=str(tmp_path))

    assert mapped().place == f"{tmp_path / 'crm.db'}, table contacts"
    assert embedded.place == f"{tmp_path / 'crm.db'}, table voucher_assignments"
    assert mapped().destination != embedded.destination


@pytest.mark.parametrize(
    ("change", "is_the_same"),
    [
        (("object", "# a comment\nobject"), True),
        (("find", 'key = "id"\nfind'), True),
        (("find", 'key = "vid"\nfind'), False),
        (('"contacts"', '"people"'), False),
        (('code = "code"', 'code = "kod"'), False),
    ],
)
def test_only_another_table_or_meaning_is_another_destination(mapped, change, is_the_same):
    other = mapped(MAPPING.replace(*change, 1)).destination

    assert (other == mapped().destination) is is_the_same


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MAPPING.replace('object = "contacts"', ""), "the mapping lacks object"),
        (MAPPING.replace("code =", "coed ="), "slot"),
    ],
)
def test_a_mapping_that_can_not_be_used_is_told_by_its_setting(mapped, text, says):
    with pytest.raises(TellUserError, match="CRM_SQL_MAPPING") as told:
        mapped(text)

    assert says in str(told.value)


def test_a_mapping_makes_no_file_and_tells_one_that_is_missing(mapped, tmp_path, unassignment):
    adapter = mapped()

    for ask in (adapter.check, lambda: adapter.unassign([unassignment()])):
        with pytest.raises(TellUserError, match=r"CRM_SQL_URL: there is no file .*crm\.db"):
            ask()
    assert [each.name for each in tmp_path.iterdir()] == ["mapping.toml"]


def test_a_driver_that_is_missing_is_named_with_the_extra_that_it_comes_with(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymysql", None)

    with pytest.raises(TellUserError, match=r"pip install 'holdersync\[mysql\]'"):
        from_env("mysql+pymysql://ann:s3cret@host/db")
