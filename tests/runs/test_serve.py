"""Webhooks are hints: stored before they are answered, and read by the next run."""

import resource
import signal
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import pytest

from sync import app
from sync.operate.receiver import HEAD_PATIENCE
from tests.runs.webhooks import SECRET, event, receiving, signed

PATH = "/webhooks/voucherify"
INBOX = "SELECT key, kind, customer_id, holder_id, voucher_id FROM inbox ORDER BY number"


@pytest.fixture
def ready(new_shop):
    """A shop whose first run made the ledger."""
    shop = new_shop(customers=30, seed=3)
    shop.believe()
    shop.run()
    return shop


def test_a_delivery_is_stored_when_it_is_answered(ready):
    with receiving(ready) as receiver:
        assert receiver.send(event(1)) == 200
        assert ready.ledger(INBOX) == [("evcus_1", "holder", "cust_1", "rh_1", None)]


def test_what_is_sent_again_is_stored_once(ready):
    with receiving(ready) as receiver:
        assert receiver.send_all([event(1)] * 20) == [200] * 20
        assert len(ready.ledger(INBOX)) == 1


def long_ago():
    return datetime.now(UTC) - timedelta(days=16)


REFUSED = {
    "forged": (lambda: (event(1), signed(event(2))), 401),
    "unsigned": (lambda: (event(1), {}), 401),
    "of another secret": (lambda: (event(1), signed(event(1), "other")), 401),
    "stale": (lambda: (event(1, at=long_ago()), None), 400),
    "oversized": (lambda: (b"x" * 70_000, None), 413),
    "malformed": (lambda: (b'{"type": "voucher.deleted"', None), 400),
    "of nobody": (lambda: (event(1, holder={"object": "redeemable_holder"}), None), 400),
}


def test_what_is_not_right_is_refused_and_nothing_of_it_is_stored(ready):
    with receiving(ready) as receiver:
        for name, (delivery, status) in REFUSED.items():
            assert receiver.send(*delivery()) == status, name
        assert ready.ledger(INBOX) == []
        assert ready.ledger("SELECT received FROM receiver") == []


def holder(**ids):
    whole = {"created_at": "2026-01-01T00:00:00Z", "redeemable_object": "voucher"}
    told = {"redeemable_id": "v_1", "holder_role": "REFEREE", "object": "redeemable_holder"}
    return {"id": "rh_1", "customer_id": "cust_1"} | whole | told | ids


ODD = {
    "an id too long for an index": (event(1, holder=holder(id="\U0001f381" * 501)), 400),
    "the longest id": (event(2, holder=holder(id="\U0001f381" * 500)), 200),
    "an id that no database takes": (event(3, holder=holder(id="rh\x00")), 400),
    "half a character": (event(4, holder=holder(customer_id="cust_\ud800")), 400),
    "nested": (b"[" * 60_000, 400),
    "nested and whole": (b'{"data":' * 5_000 + b"1" + b"}" * 5_000, 400),
    "a number without an end": (b'{"type":' + b"9" * 60_000 + b"}", 400),
    "no text": (b"\xff\xfe", 400),
    "empty": (b"", 400),
    "a list": (b"[]", 400),
}


def test_odd_bodies_are_refused_and_keep_nobody_from_being_stored(ready):
    with receiving(ready) as receiver:
        for name, (body, status) in ODD.items():
            assert receiver.send(body) == status, name
        assert receiver.send(event(9)) == 200
        assert len(ready.ledger(INBOX)) == 2


def test_a_body_without_a_length_is_read_and_bounded_too(ready):
    def chunks(size):
        yield from (b"x" * 1_000 for _ in range(size))

    whole = event(1)
    with receiving(ready) as receiver:
        assert receiver.send(iter([whole]), signed(whole)) == 200
        assert receiver.send(chunks(70), signed(b"")) in (413, None)
        assert len(ready.ledger(INBOX)) == 1


def test_a_body_that_never_comes_is_not_waited_for(ready):
    with receiving(ready) as receiver:
        host, port = receiver.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as slow:
            slow.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
            assert receiver.send(event(1)) == 200
            assert slow.recv(1_000).startswith(b"HTTP/1.1 408")


SLOW = {
    "nothing": b"",
    "half a head": b"POST /web",
    "a body that was refused": (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n".encode()
        + b"x" * 70_000
    ),
    "half a head after a request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /web",
}


def test_whoever_sends_no_whole_request_is_not_waited_for(ready):
    with receiving(ready) as receiver, ExitStack() as stack:
        slow = {name: stack.enter_context(connected(receiver)) for name in SLOW}
        for name, begin in SLOW.items():
            slow[name].sendall(begin)
        closed = set()
        until = time.monotonic() + 2 * HEAD_PATIENCE
        while slow.keys() - closed and time.monotonic() < until:
            time.sleep(0.2)
            for name in slow.keys() - closed:
                # Whoever goes on dribbling is not waited for either.
                if is_closed(slow[name], dribbles=name != "nothing"):
                    closed.add(name)
        assert closed == SLOW.keys()


def connected(receiver):
    host, port = receiver.base.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setblocking(False)
    return connection


def is_closed(connection, *, dribbles):
    try:
        if dribbles:
            connection.sendall(b"x")
        return not connection.recv(1_000)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_more_connections_than_files_keep_nobody_from_being_stored_for_long(ready):
    with receiving(ready) as receiver, ExitStack() as stack:
        resource.prlimit(receiver.process.pid, resource.RLIMIT_NOFILE, (160, 160))
        for _ in range(200):
            stack.enter_context(connected(receiver))
        time.sleep(HEAD_PATIENCE + 1)
        assert receiver.send(event(1)) == 200
        receiver.process.terminate()
        assert receiver.process.wait(10) == 0
        assert receiver.process.stderr.read() == ""


def test_other_events_are_answered_and_ignored(ready):
    with receiving(ready) as receiver:
        assert receiver.send(event(1, "customer.updated", customer={"id": "cust_1"})) == 200
        assert ready.ledger(INBOX) == []


def test_while_the_ledger_is_held_a_hint_is_sent_back_in_time_and_other_events_are_not(ready):
    told = event(1)
    with receiving(ready) as receiver, closing(sqlite3.connect(ready.ledger_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert receiver.send(told) == 503
        assert receiver.send(event(2, "customer.updated", customer={"id": "cust_1"})) == 200
        assert time.monotonic() - began < 3
        other.rollback()
        assert receiver.send(told) == 200
        assert len(ready.ledger(INBOX)) == 1


def test_the_next_run_reads_whom_a_hint_names_and_nothing_is_believed_without(ready):
    followed = {row[0] for row in ready.ledger("SELECT customer_id FROM customers WHERE seen")}
    held = next(
        row
        for row in ready.world.truth.values()
        if ready.world.is_held(row) and row.role == "REFEREE" and row.customer_id not in followed
    )
    other = next(
        one for one in ready.world.customers if one.customer_id not in followed | {held.customer_id}
    )
    ready.settings["HOLDERSYNC_CUSTOMERS"] = "hints"
    ready.playground.unassign(held.holder_id)
    holder = {
        "id": held.holder_id,
        "created_at": "2026-01-01T00:00:00.000Z",
        "redeemable_id": held.voucher_id,
        "redeemable_object": "voucher",
        "customer_id": held.customer_id,
        "holder_role": "REFEREE",
        "object": "redeemable_holder",
    }
    false = holder | {"id": "rh_nothing", "customer_id": other.customer_id}
    assert ready.run().json["customers"]["asked"] == len(followed)

    with receiving(ready) as receiver:
        assert receiver.send_all([event(1, holder=holder), event(2, holder=false)]) == [200, 200]
    result, calls = ready.calls_of(ready.run)

    assert result.json["events"]["new"] == 1
    assert result.json["customers"]["asked"] == calls == len(followed) + 2
    assert ready.crm()[held.holder_id].status == "unassigned"
    assert "rh_nothing" not in ready.crm()
    # What a hint told of and no list shows is read for once more, since it may be listed late.
    assert ready.run().json["customers"]["asked"] == len(followed) + 1


@pytest.mark.parametrize("source", ["all", "hints"])
def test_a_deleted_code_is_told_of_though_codes_are_no_source(ready, source):
    ready.settings["HOLDERSYNC_CUSTOMERS"] = source
    held = next(
        row
        for row in ready.world.truth.values()
        if ready.world.is_held(row) and row.role == "REFEREE"
    )
    ready.run(HOLDERSYNC_CUSTOMERS="all,holders")
    ready.playground.delete_voucher(held.voucher_id)

    with receiving(ready) as receiver:
        assert receiver.send(event(1, "voucher.deleted", voucher={"id": held.voucher_id})) == 200
    first, again = ready.run(), ready.run()

    assert (first.code, first.json["codes"]["gone"]) == (65, 1)
    assert (again.code, again.json["codes"]["selected"]) == (0, 0)
    letters = ready.ledger("SELECT key FROM dead_letters WHERE kind = 'code'")
    assert letters == [(f"code:{held.voucher_id}",)]


def test_news_of_somebody_who_is_deleted_before_they_can_be_read_is_a_dead_letter(ready):
    ready.settings["HOLDERSYNC_CUSTOMERS"] = "hints"
    stranger = ready.playground.add_customer()
    holder = {
        "id": "rh_of_a_stranger",
        "created_at": "2026-01-01T00:00:00.000Z",
        "redeemable_id": "v_1",
        "redeemable_object": "voucher",
        "customer_id": stranger.customer_id,
        "holder_role": "REFEREE",
        "object": "redeemable_holder",
    }
    with receiving(ready) as receiver:
        assert receiver.send(event(1, holder=holder)) == 200
    ready.playground.delete_customer(stranger.customer_id)

    told, again = ready.run(), ready.run()

    assert (told.code, again.code) == (65, 0)
    letters = ready.ledger("SELECT key, reason FROM dead_letters WHERE kind = 'customer'")
    ((key, reason),) = letters
    assert key == f"customer:{stranger.customer_id}"
    assert "after news that rh_of_a_stranger ended" in reason


def test_a_key_that_may_not_look_at_the_code_ends_with_77_and_asks_customers_all_the_same(ready):
    ready.settings["HOLDERSYNC_CUSTOMERS"] = "all"
    first = ready.run(HOLDERSYNC_CUSTOMERS="all,holders")
    held = next(row for row in ready.world.truth.values() if ready.world.is_held(row))
    ready.playground.delete_voucher(held.voucher_id)
    with receiving(ready) as receiver:
        assert receiver.send(event(1, "voucher.deleted", voucher={"id": held.voucher_id})) == 200
    ready.playground.set_faults("path:/referrals * status 403 key=forbidden")

    refused = ready.run()
    ready.playground.set_faults("")
    allowed = ready.run()

    assert (refused.code, refused.json["codes"]["gone"]) == (77, 0)
    assert refused.json["customers"]["asked"] == first.json["customers"]["asked"]
    assert "403 forbidden" in refused.err
    assert (allowed.code, allowed.json["codes"]["gone"]) == (65, 1)


def test_news_of_many_deleted_codes_is_asked_about_again_until_a_person_believes_it(new_shop):
    shop = new_shop(customers=300, seed=3)
    shop.believe()
    shop.run(HOLDERSYNC_CUSTOMERS="all,holders")
    ((campaign_id, many), *_) = shop.ledger("SELECT campaign_id, count(*) FROM codes GROUP BY 1")
    shop.playground.delete_campaign(campaign_id)
    with receiving(shop) as receiver:
        assert receiver.send(event(1, "campaign.deleted", campaign={"id": campaign_id})) == 200

    doubted, quiet = shop.run(), shop.run()
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE codes SET due_at = due_at - 90000 WHERE doubted")
    a_day_later, believed = shop.run(), shop.run("--allow", "100")

    assert (doubted.json["parked_by"], quiet.code) == ("brake", 0)
    assert a_day_later.json["parked_by"] == "brake"
    assert believed.json["codes"]["gone"] == many


def test_what_was_answered_is_there_after_a_kill_and_nothing_is_there_twice(ready):
    bodies = [event(number) for number in range(1_500)]
    answered = []
    with receiving(ready) as receiver:
        killer = threading.Timer(0.6, receiver.process.kill)
        killer.start()
        answered += zip(bodies, receiver.send_all(bodies), strict=True)
        killer.join()
    again = [body for body, status in answered if status != 200]
    stored = {key for key, *_ in ready.ledger(INBOX)}

    for number, (_, status) in enumerate(answered):
        assert status != 200 or f"evcus_{number}" in stored
    assert 0 < len(again) < len(bodies)
    with receiving(ready) as receiver:
        assert receiver.send_all(again) == [200] * len(again)
    keys = [key for key, *_ in ready.ledger(INBOX)]
    assert len(keys) == len(set(keys)) == len(bodies)


def test_what_was_answered_outlives_a_power_failure(ready, monkeypatch):
    """Only a disk can show that; that the ledger is opened for it can be seen."""
    opened = []
    real = app.open_ledger
    monkeypatch.setattr(app, "open_ledger", lambda *a, **how: opened.append(how) or real(*a, **how))

    ready.command("serve", "--host", "host.invalid", HOLDERSYNC_WEBHOOK_SECRET=SECRET)

    assert opened == [{"synced": True}]


def test_it_ends_in_order_when_it_is_told(ready):
    with receiving(ready) as receiver:
        assert receiver.send(event(1)) == 200
        receiver.process.send_signal(signal.SIGTERM)
        assert receiver.process.wait(10) == 0


def test_it_is_alive_and_ready_until_the_ledger_is_gone(ready):
    with receiving(ready) as receiver:
        assert (receiver.get("/healthz"), receiver.get("/readyz")) == (200, 200)
        ready.ledger_file.unlink()
        assert (receiver.get("/healthz"), receiver.get("/readyz")) == (200, 503)
        assert receiver.send(event(1)) == 503


def test_without_a_secret_or_a_ledger_it_does_not_begin(new_shop, ready):
    unsigned = ready.command("serve", "--port", "0")
    assert (unsigned.code, "HOLDERSYNC_WEBHOOK_SECRET" in unsigned.err) == (78, True)

    nothing = new_shop(customers=1).command(
        "serve", "--port", "0", HOLDERSYNC_WEBHOOK_SECRET=SECRET
    )
    assert (nothing.code, "the first holdersync run makes it" in nothing.err) == (78, True)
