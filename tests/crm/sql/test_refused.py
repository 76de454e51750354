"""Whom a server does not let in, and what it never lets anybody write: a person has to know."""

import socket
import threading
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from sync.crm.adapter import CredentialsRefusedError, Result, TellUserError
from sync.crm.mapped.mapping import SlotMapping
from sync.crm.sql.adapter import SqlAdapter

WORD = sa.String(100)
SECRET = "s3cret-of-the-shop"
SAYS = {
    'password authentication failed for user "shop"': CredentialsRefusedError,
    'role "shop" is not permitted to log in': CredentialsRefusedError,
    'no pg_hba.conf entry for host "10.0.0.7", user "shop"': TellUserError,
    'permission denied for database "crm"': TellUserError,
}
PLEASE_WAIT = ("the database system is starting up", "sorry, too many clients already")


def mapping(table="contacts", **slot):
    return SlotMapping(
        object=table, find=("prop:vid = customer_id",), slot=({"code": "code", **slot},)
    )


def asked(url, about, unassignment):
    crm = SqlAdapter(url, about, busy_timeout=0.2)
    return (crm.check, lambda: crm.unassign([unassignment()]))


def make(own):
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("vid", WORD)]
    contact = {"id": 1, "vid": "cust_1", "code": "FRIEND-1"}
    own.make("contacts", *columns, sa.Column("code", WORD), rows=[contact])


@contextmanager
def a_server_that_says(text):
    """Answer each who connects as PostgreSQL does: whether it has TLS, and then a refusal."""
    told = b"SFATAL\0VFATAL\0C28P01\0M" + text.encode() + b"\0\0"
    refusal = b"E" + (len(told) + 4).to_bytes(4, "big") + told

    def answer():
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                while b"user" not in (client.recv(4096) or b"user"):
                    client.sendall(b"N")
                client.sendall(refusal)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield sa.make_url(f"postgresql+psycopg://shop:{SECRET}@127.0.0.1/crm").set(
            port=listening.getsockname()[1]
        )
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(("text", "error"), SAYS.items())
def test_what_postgresql_says_at_the_door_is_not_taken_for_a_server_that_is_down(
    unassignment, text, error
):
    with a_server_that_says(text) as url:
        _check, unassign = asked(url, mapping(), unassignment)
        with pytest.raises(error) as told:
            unassign()

    assert type(told.value) is error
    assert not [each for each in (SECRET, "shop", "10.0.0.7") if each in str(told.value)]


@pytest.mark.parametrize("text", PLEASE_WAIT)
def test_a_server_that_is_busy_is_retry(unassignment, text):
    with a_server_that_says(text) as url:
        _check, unassign = asked(url, mapping(), unassignment)

        assert unassign()[0].result is Result.RETRY


@pytest.mark.parametrize("own", ["postgresql"], indirect=True)
def test_a_user_who_is_not_there_is_refused(own, unassignment):
    for ask in asked(own.url.set(username="nobody_here"), mapping(), unassignment):
        with pytest.raises(CredentialsRefusedError):
            ask()


@pytest.mark.parametrize("own", ["postgresql", "mysql"], indirect=True)
def test_a_database_that_is_not_there_is_told(own, unassignment):
    for ask in asked(own.url.set(database="nothing_here"), mapping(), unassignment):
        with pytest.raises(TellUserError):
            ask()


@pytest.mark.parametrize("own", ["mysql"], indirect=True)
@pytest.mark.parametrize("how", ["ACCOUNT LOCK", "PASSWORD EXPIRE", "IDENTIFIED VIA unix_socket"])
def test_a_user_who_is_locked_out_is_refused_by_mysql(own, unassignment, how):
    make(own)
    name = f"out_{own.url.database}"
    own.do(f"CREATE USER '{name}'@'%' {how}", f"GRANT ALL ON `{own.url.database}`.* TO '{name}'")

    try:
        for ask in asked(own.url.set(username=name), mapping(), unassignment):
            with pytest.raises(CredentialsRefusedError):
                ask()
    finally:
        own.do(f"DROP USER '{name}'@'%'")


@pytest.mark.parametrize("own", ["sqlite", "postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize(
    "what", ["SELECT DISTINCT * FROM contacts", "SELECT id, vid, upper(code) code FROM contacts"]
)
def test_a_view_that_nobody_can_write_is_told(own, unassignment, what):
    make(own)
    own.do(f"CREATE VIEW seen AS {what}")

    for ask in asked(own.url, mapping("seen"), unassignment):
        with pytest.raises(TellUserError, match=r"table seen .*: check the rights and the columns"):
            ask()


@pytest.mark.parametrize("own", ["sqlite", "postgresql", "mysql"], indirect=True)
def test_a_column_that_the_database_computes_is_told(own, unassignment):
    make(own)
    computed = "GENERATED ALWAYS AS (CASE WHEN code = '' THEN 'no' END) STORED"
    own.do(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, vid VARCHAR(9), code VARCHAR(9), "
        f"has VARCHAR(9) {computed})",
        "INSERT INTO people (id, vid, code) VALUES (1, 'cust_1', 'FRIEND-1')",
    )
    _check, unassign = asked(own.url, mapping("people", set={"has": "no"}), unassignment)

    with pytest.raises(TellUserError, match="table people"):
        unassign()
