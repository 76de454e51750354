"""The vendor's JSON, as texts: events in every shape that was ever published, and nonsense.

Source: Voucherify documentation, "customer.holder.assignment.deleted", "List Customer Activity",
"List Customer's Redeemables", "List Customers", "List Vouchers", "List Referral Code Holders" and
"Webhooks".
"""

import json

UNASSIGNED = "customer.holder.assignment.deleted"
ASSIGNED = "customer.holder.assignment.created"
SHAPES = ("A", "B", "C", "D", "E")
SOURCE = {"channel": "API", "api_key": {"name": "Shop", "app_id": "shop"}}


def stamp(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def assignment(event_id, of_type, at, held, shape):
    return _text(event_id, of_type, at, _data(held), shape)


def other(event_id, at, customer):
    data = {"customer": {"id": customer.id, "object": "customer"}}
    return _text(event_id, "customer.updated", at, data, "A")


def nonsense(event_id, at, customer, how):
    """An item that a person has to look at; `how` is one of `NONSENSE`."""
    data = _parts(
        holder_id=f"rh_of_{event_id}",
        customer=customer,
        voucher_id="v_nonsense",
        code="NONSENSE",
        campaign_id="camp_nonsense",
        assigned_at=at,
    )
    item = {"id": event_id, "type": UNASSIGNED, "data": data, "created_at": stamp(at)}
    NONSENSE[how](item)
    return json.dumps(item)


def customer_row(customer):
    return json.dumps(
        {
            "id": customer.id,
            "source_id": customer.source_id,
            "email": customer.email,
            "created_at": stamp(customer.created_at),
            "object": "customer",
        }
    )


def redeemable_row(held):
    """A row of what a customer holds now: a holder's fields without `object`, and the voucher."""
    parts = _data(held)
    parts["holder"].pop("object")
    voucher = {"type": "voucher", "voucher": parts["voucher"], "status": "ACTIVE"}
    return json.dumps(parts["holder"] | {"redeemable": voucher})


def voucher_row(voucher):
    row = {"id": voucher.id, "code": voucher.code, "campaign_id": voucher.campaign_id}
    return json.dumps(row | {"created_at": stamp(voucher.created_at), "is_referral_code": True})


def holder_row(held):
    """A row of who holds a code now."""
    return json.dumps(_data(held)["holder"])


def referrer_row(voucher):
    """The row of whose code it is, in the same list."""
    return json.dumps(
        {
            "id": voucher.referrer_id,
            "object": "redeemable_holder",
            "created_at": stamp(voucher.created_at),
            "customer_id": "cust_of_the_referrer",
            "holder_role": "REFERRER",
            "redeemable_id": voucher.id,
            "redeemable_object": "voucher",
            "campaign_id": voucher.campaign_id,
        }
    )


def deletion(event_id, at, kind, own_id):
    """A webhook's body about a customer, voucher or campaign that was deleted."""
    data = {kind: {"id": own_id, "object": kind}}
    return _text(event_id, f"{kind}.deleted", at, data, "A")


def refusal(code, key, resource=None, resource_type="customer"):
    body = {"code": code, "key": key, "message": key, "request_id": "v-0fa4de30126b92bfb8"}
    if resource is not None:
        body |= {"resource_id": resource, "resource_type": resource_type}
    return json.dumps(body)


def _text(event_id, of_type, at, data, shape):
    item = {"id": event_id, "type": of_type, "data": data, "created_at": stamp(at)}
    match shape:
        case "B":
            item["data"] = {**data, "event_source": SOURCE}
        case "C":
            item["data"] = {"data": data, "event_source": SOURCE}
        case "D":
            item["data"] = [data]
        case "E":
            item |= {"event_source": SOURCE, "category": "EFFECT"}
    return json.dumps(item)


def _data(held):
    return _parts(
        holder_id=held.holder_id,
        customer=held.customer,
        voucher_id=held.voucher.id,
        code=held.voucher.code,
        campaign_id=held.voucher.campaign_id,
        assigned_at=held.assigned_at,
    )


def _parts(*, holder_id, customer, voucher_id, code, campaign_id, assigned_at):
    return {
        "holder": {
            "id": holder_id,
            "object": "redeemable_holder",
            "created_at": stamp(assigned_at),
            "customer_id": customer.id,
            "holder_role": "REFEREE",
            "redeemable_id": voucher_id,
            "redeemable_object": "voucher",
            "campaign_id": campaign_id,
        },
        "voucher": {"id": voucher_id, "code": code, "holder_id": "cust_of_the_referrer"},
        "campaign": {"id": campaign_id, "name": f"Campaign {campaign_id}"},
        "customer": {"id": customer.id, "source_id": customer.source_id, "email": customer.email},
    }


NONSENSE = {
    "no holder": lambda item: item["data"].pop("holder"),
    "no campaign": lambda item: item["data"].pop("campaign"),
    "no type": lambda item: item.pop("type"),
    "empty code": lambda item: item["data"]["voucher"].update(code=" "),
    "two customers": lambda item: item["data"]["customer"].update(id="cust_somebody"),
    "no time": lambda item: item.update(created_at="yesterday"),
    "not a holder": lambda item: item["data"]["holder"].update(object="customer"),
}
