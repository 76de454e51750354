"""Two ways to a token of Salesforce's, and what follows when it is no longer taken."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sync.crm.adapter import CredentialsRefusedError, Result, TellUserError
from sync.crm.salesforce.login import ClientCredentials, JwtBearer, signer
from tests.crm.salesforce.setup import adapters, results, running

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

USER = "sync@example.com"
REFUSED = {"error": "invalid_grant", "error_description": "no such ann@example.com"}
AGAIN = {"error": "unknown_error", "error_description": "retry your request"}
RATE = {"error": "invalid_grant", "error_description": "login rate exceeded"}


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def key_file(tmp_path, key):
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    return tmp_path / "key.pem"


@pytest.fixture
def known(crm, key):
    """The app knows the user's key."""
    crm.logins.public_keys[USER] = key.public_key()


@pytest.fixture
def ann(crm, unassignment):
    """A contact with a code; gives its unassignment."""
    crm.org.seed("Contact", Voucherify_Id__c="cust_1", Voucher_Code__c="FRIEND-1")
    return unassignment()


def by_key(key_file, now=time.time, client_id="app-id", user=USER):
    return JwtBearer(client_id, user, signer(key_file), now)


def test_client_credentials_get_one_token_for_all_calls(crm, make, ann):
    adapter = make()

    adapter.unassign([ann])
    adapter.unassign([ann])

    assert crm.logins.asked == [
        {"grant_type": "client_credentials", "client_id": "app-id", "client_secret": "app-secret"}
    ]


@pytest.mark.usefixtures("known")
def test_a_signed_request_names_app_user_and_host_and_is_good_for_minutes(crm, make, ann, key_file):
    assert results(make(grant=by_key(key_file)).unassign([ann])) == [Result.REMOVED]
    assert list(crm.logins.asked[0]) == ["grant_type", "assertion"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another-app"},
        {"user": "another@example.com"},
        {"now": lambda: time.time() - 400},
        {"now": lambda: time.time() + 400},
    ],
)
@pytest.mark.usefixtures("known")
def test_a_signed_request_of_another_app_user_or_time_is_refused(make, ann, key_file, wrong):
    with pytest.raises(CredentialsRefusedError, match="SALESFORCE_PRIVATE_KEY_FILE"):
        make(grant=by_key(key_file, **wrong)).unassign([ann])


@pytest.mark.parametrize("late", [-100, 45])
@pytest.mark.usefixtures("known")
def test_a_clock_that_is_a_little_wrong_does_no_harm(make, ann, key_file, late):
    adapter = make(grant=by_key(key_file, now=lambda: time.time() + late))

    assert results(adapter.unassign([ann])) == [Result.REMOVED]


def test_what_proves_who_asks_is_in_no_text_of_it(key_file):
    assert "app-secret" not in repr(ClientCredentials("app-id", "app-secret"))
    assert "sign" not in repr(by_key(key_file))


def test_a_key_of_a_kind_that_nobody_knows_is_told(tmp_path):
    short_curve = (
        "-----BEGIN EC PRIVATE KEY-----\n"
        "MD4CAQEEDk4839Kv4Qi6p2YUAPRNoAcGBSuBBAAGoSADHgAEJ/p80jw2EkadERC1\n"
        "12AyD7pFHcE6GaYR6DHlYQ==\n"
        "-----END EC PRIVATE KEY-----\n"
    )
    (tmp_path / "key.pem").write_text(short_curve)

    with pytest.raises(TellUserError, match="SALESFORCE_PRIVATE_KEY_FILE"):
        signer(tmp_path / "key.pem")


def test_a_key_that_the_app_does_not_know_is_refused(crm, make, ann, key_file):
    crm.logins.public_keys[USER] = rsa.generate_private_key(65537, 2048).public_key()

    with pytest.raises(CredentialsRefusedError, match="invalid_grant"):
        make(grant=by_key(key_file)).unassign([ann])


def test_a_session_that_ends_in_between_is_renewed_once(crm, make, ann):
    adapter = make()
    adapter.preview([ann])
    crm.end_sessions()

    assert results(adapter.unassign([ann])) == [Result.REMOVED]
    assert crm.counts["login"] == 2


def test_a_session_that_ends_between_reading_and_writing_loses_nothing(crm, make, ann):
    crm.org.watch = lambda kind: kind == "query" and crm.end_sessions()

    assert results(make().unassign([ann])) == [Result.REMOVED]
    assert crm.counts["login"] == 2


def test_a_session_that_ends_at_once_is_a_refusal(crm, make, ann):
    crm.fail(401, "INVALID_SESSION_ID", at="query", times=9)

    with pytest.raises(CredentialsRefusedError, match="401"):
        make().unassign([ann])
    assert (crm.counts["query"], crm.counts["login"]) == (2, 2)


def test_a_renewal_that_is_refused_is_a_refusal(crm, make, ann):
    adapter = make()
    adapter.preview([ann])
    crm.end_sessions()
    crm.logins.client = ("app-id", "another-secret")

    with pytest.raises(CredentialsRefusedError, match="SALESFORCE_CLIENT_SECRET"):
        adapter.unassign([ann])


def test_a_refusal_tells_its_word_and_no_secret(crm, make, ann):
    crm.fail(400, at="login", raw=REFUSED)

    with pytest.raises(CredentialsRefusedError) as caught:
        make(grant=ClientCredentials("app-id", "wrong-secret")).unassign([ann])

    said = str(caught.value)
    assert "refused the app (invalid_grant)" in said
    assert "wrong-secret" not in said
    assert "ann@example.com" not in said


@pytest.mark.parametrize("answer", [AGAIN, RATE])
def test_a_login_that_may_pass_later_is_tried_again(crm, make, ann, answer):
    crm.fail(400, at="login", raw=answer)
    adapter = make()

    assert results(adapter.unassign([ann])) == [Result.REMOVED]

    crm.end_sessions()
    crm.fail(400, at="login", raw=answer, times=2)
    assert results(adapter.unassign([ann])) == [Result.RETRY]


@pytest.mark.parametrize("raw", [{}, {"access_token": ""}, {"access_token": "a\r\nb: c"}, ["x"]])
def test_an_answer_without_a_token_is_no_login(crm, make, ann, raw):
    crm.fail(200, at="login", raw=raw, times=2)

    assert results(make().unassign([ann])) == [Result.RETRY]


@pytest.mark.parametrize("status", [302, 404, 405])
def test_a_host_without_a_login_is_no_my_domain(crm, make, ann, status):
    crm.fail(status, at="login", raw="<html>")

    with pytest.raises(TellUserError, match=r"SALESFORCE_URL.*https://MYDOMAIN"):
        make().unassign([ann])


def test_a_login_that_is_down_is_tried_by_the_next_run(crm, make, ann):
    crm.fail(503, at="login", times=2)

    assert results(make().unassign([ann])) == [Result.RETRY]


def test_the_token_goes_to_no_host_that_an_answer_names(crm, make, ann):
    """The double's login names another host; a call to it would not come here."""
    make().unassign([ann])

    assert crm.counts["query"] == crm.counts["row"] == 1
