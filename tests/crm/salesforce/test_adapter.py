"""Salesforce's settings: what makes an adapter, what names it, what it says it can do."""

import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sync.crm.adapter import Capability, TellUserError
from sync.crm.registry import adapter_class
from sync.crm.salesforce.adapter import SalesforceAdapter

MAPPING = """
find = ["record_id = source_id"]
[[slot]]
code = "Voucher_Code__c"
"""
RECORDS = """
object = "Voucher_Assignment__c"
[record]
holder_id = "Holder_Id__c"
status = "Status__c"
"""
SECRET = "s3cret-of-the-app"


def pem(key, encryption=None):
    hidden = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


@pytest.fixture(scope="session")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def env(tmp_path):
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return {
        "HOLDERSYNC_HOME": str(tmp_path),
        "SALESFORCE_URL": "https://acme.my.salesforce.com",
        "SALESFORCE_CLIENT_ID": "consumer-key",
        "SALESFORCE_CLIENT_SECRET": SECRET,
        "SALESFORCE_MAPPING": "mapping.toml",
    }


@pytest.fixture
def by_key(env, tmp_path, rsa_key):
    """The settings of an app that knows a certificate instead of a secret."""
    (tmp_path / "key.pem").write_bytes(pem(rsa_key))
    del env["SALESFORCE_CLIENT_SECRET"]
    user = {"SALESFORCE_USERNAME": "sync@example.com", "SALESFORCE_PRIVATE_KEY_FILE": "key.pem"}
    return env | user


def made(env):
    adapter = SalesforceAdapter.from_env(env)
    adapter.close()
    return adapter


def refusal(env):
    with pytest.raises(TellUserError) as caught:
        SalesforceAdapter.from_env(env)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_it_is_named_salesforce():
    assert adapter_class("salesforce") is SalesforceAdapter


def test_the_destination_tells_org_object_and_mapping_but_not_how_to_log_in(env, by_key, tmp_path):
    own = made(env | {"SALESFORCE_CLIENT_SECRET": SECRET}).destination
    (tmp_path / "records.toml").write_text(RECORDS)
    (tmp_path / "lead.toml").write_text(f'object = "Lead"\n{MAPPING}')
    (tmp_path / "contact.toml").write_text(MAPPING.replace("record_id", "email"))

    others = [
        made(by_key | {"SALESFORCE_URL": "https://acme--test.sandbox.my.salesforce.com"}),
        made(by_key | {"SALESFORCE_MAPPING": "records.toml"}),
        made(by_key | {"SALESFORCE_MAPPING": "lead.toml"}),
        made(by_key | {"SALESFORCE_MAPPING": "contact.toml"}),
    ]

    assert made(by_key).destination == own
    assert made(by_key | {"SALESFORCE_URL": "https://Acme.my.salesforce.com/"}).destination == own
    assert len({own, *(each.destination for each in others)}) == 5
    assert own.startswith("salesforce-")


def test_its_place_names_org_and_object(env):
    assert made(env).place == "Salesforce acme.my.salesforce.com, Contact"


def test_only_a_mapping_that_may_clear_by_a_code_says_so(env, tmp_path):
    by_code = made(env).capabilities
    (tmp_path / "mapping.toml").write_text(RECORDS)
    records = made(env).capabilities
    (tmp_path / "mapping.toml").write_text(MAPPING + 'holder_id = "H__c"\nmatch = "holder_id"')
    holders = made(env).capabilities

    assert by_code - records == by_code - holders == {Capability.CLEARS_BY_CODE}
    assert Capability.COMPARES_ON_SERVER not in by_code


@pytest.mark.parametrize("name", ["SALESFORCE_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_MAPPING"])
def test_a_missing_setting_is_named(env, name):
    assert name in refusal(env | {name: " "})


def test_without_any_way_to_log_in_both_are_named(env):
    said = refusal(env | {"SALESFORCE_CLIENT_SECRET": ""})

    assert "SALESFORCE_CLIENT_SECRET" in said
    assert "SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY_FILE" in said


@pytest.mark.parametrize("name", ["SALESFORCE_USERNAME", "SALESFORCE_PRIVATE_KEY_FILE"])
def test_half_of_the_way_by_a_key_is_not_enough(by_key, name):
    assert f"{name}: missing" in refusal(by_key | {name: ""})


def test_two_ways_to_log_in_are_one_too_many(by_key):
    assert "not both" in refusal(by_key | {"SALESFORCE_CLIENT_SECRET": SECRET})


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.my.salesforce.com",
        "https://user:pass@acme.my.salesforce.com",
        "https://acme.my.salesforce.com/services",
        "acme.my.salesforce.com",
    ],
)
def test_an_address_is_a_plain_https_host(env, url):
    assert refusal(env | {"SALESFORCE_URL": url}).startswith("SALESFORCE_URL: write https://")


@pytest.mark.parametrize(
    "mapping",
    [
        MAPPING.replace("Voucher_Code__c", "Voucher Code"),
        MAPPING.replace("Voucher_Code__c", "Account.Name"),
        MAPPING.replace("record_id", "prop:Name)OR(Id"),
        f"object = \"Contact WHERE Id != ''\"\n{MAPPING}",
        RECORDS.replace("Holder_Id__c", "Holder-Id"),
    ],
)
def test_a_name_that_salesforce_can_not_have_never_gets_into_a_query(env, tmp_path, mapping):
    (tmp_path / "mapping.toml").write_text(mapping)

    assert "is no API name of Salesforce" in refusal(env)


def test_a_missing_extra_tells_the_command(by_key, monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)

    said = refusal(by_key)

    assert "SALESFORCE_PRIVATE_KEY_FILE" in said
    assert "pip install 'holdersync[salesforce]'" in said


def test_a_secret_needs_no_extra(env, monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    monkeypatch.setitem(sys.modules, "cryptography", None)

    assert made(env)


def test_a_key_that_is_not_there_is_named(by_key):
    said = refusal(by_key | {"SALESFORCE_PRIVATE_KEY_FILE": "nowhere.pem"})

    assert "nowhere.pem can't be read (No such file or directory)" in said


def test_a_key_of_another_form_is_told_apart(by_key, tmp_path, rsa_key):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(rsa_key, BestAvailableEncryption(b"password")))
    with_password = refusal(by_key)
    path.write_bytes(b"no key at all")
    none = refusal(by_key)
    path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    elliptic = refusal(by_key)

    assert "is no private key in PEM form without a password" in with_password
    assert "is no private key in PEM form without a password" in none
    assert "is no RSA key" in elliptic


def test_no_secret_is_in_what_python_shows(env, by_key):
    shown = [repr(vars(made(env | {"SALESFORCE_CLIENT_SECRET": SECRET}))), repr(vars(made(by_key)))]

    assert SECRET not in "".join(shown)
