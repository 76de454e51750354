"""The fingerprint of a server's URL; no driver is needed for it."""

import pytest
import sqlalchemy as sa

from sync.crm.sql.url import fingerprint

URL = "postgresql+psycopg://ann:s3cret@db.example:5432/crm?options=-csearch_path%3Dshop"


def mark(url, table="voucher_assignments"):
    return fingerprint(sa.make_url(url), table)


@pytest.mark.parametrize(
    "other",
    [
        URL.replace("s3cret", "rotated"),
        URL.replace(":s3cret", ""),
        URL.replace("+psycopg", "+pg8000"),
        URL + "&sslpassword=s3cret",
        URL + "&access_token=s3cret",
    ],
)
def test_neither_password_nor_driver_makes_another_destination(other):
    assert mark(other) == mark(URL)


@pytest.mark.parametrize(
    "other",
    [
        URL.replace("db.example", "db2.example"),
        URL.replace("5432", "5433"),
        URL.replace("/crm", "/crm2"),
        URL.replace("ann", "bob"),
        URL.replace("shop", "shop2"),
        URL.replace("postgresql+psycopg", "mysql+pymysql"),
    ],
)
def test_another_place_is_another_destination(other):
    assert mark(other) != mark(URL)


def test_another_table_is_another_destination():
    assert mark(URL, "others") != mark(URL)


def test_an_odbc_string_counts_without_its_password():
    odbc = "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BSERVER%3Dhost%3BDATABASE%3Dcrm%3BPWD%3D"

    assert mark(odbc + "s3cret") == mark(odbc + "%7Bro%3Btated%7D")
    assert mark(odbc + "s3cret") != mark(odbc.replace("Dcrm", "Dcrm2") + "s3cret")
