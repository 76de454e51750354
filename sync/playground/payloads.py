"""The vendor's JSON, field by field, with the nulls that its own examples have.

Rests on the vendor's pages "List Customers", "List Customer Activity", "List Vouchers", "List
Customer's Redeemables", "List Member's Holders" and on the example of the event
"EVENTS.CUSTOMER.HOLDER.ASSIGNMENT.DELETED".
Contract: pure; every call gives new dictionaries, so a caller may damage what it got.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sync.playground.dice import odd_stamp, stamp
from sync.playground.values import Campaign, Customer, HolderTruth, Holding, Json, Voucher

_DISCOUNT = {"type": "AMOUNT", "effect": "APPLY_TO_ORDER", "amount_off": 900}
_CHARSET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Shape(Enum):
    """Every way in which the vendor has ever drawn an item of List Customer Activity."""

    FLAT = "A"
    FLAT_WITH_SOURCE = "B"
    NESTED = "C"
    LIST_OF_ONE = "D"
    SOURCE_ON_TOP = "E"


def item_body(
    event_id: str, event_type: str, data: Json, *, at: datetime, group_id: str, shape: Shape
) -> Json:
    """One item of List Customer Activity with its payload in the given shape.

    Raises:
        KeyError: the shape shows the customer on top, and the payload has none.
    """
    source: Json = {"channel": "API", "api_key": {"name": "Shop", "app_id": "shop-backend"}}
    item: Json = {
        "id": event_id,
        "type": event_type,
        "data": data,
        "created_at": stamp(at),
        "group_id": group_id,
    }
    match shape:
        case Shape.FLAT_WITH_SOURCE:
            item["data"] = {**data, "event_source": source}
        case Shape.NESTED:
            item["data"] = {"data": data, "event_source": source}
        case Shape.LIST_OF_ONE:
            item["data"] = [data]
        case Shape.SOURCE_ON_TOP:
            entity_id = data["customer"]["id"]
            item |= {"event_source": source, "category": "EFFECT", "entity_id": entity_id}
    return item


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom an assignment event is about."""

    holder: HolderTruth
    customer: Customer
    voucher: Voucher


def assignment_data(parties: Parties) -> Json:
    """The payload of an assignment event: holder, voucher, campaign and customer."""
    return {
        "holder": holder_body(parties.holder),
        "voucher": simple_voucher(parties.voucher),
        "campaign": simple_campaign(parties.voucher.campaign),
        "customer": simple_customer(parties.customer),
    }


def holder_body(holder: HolderTruth) -> Json:
    """A holder. `created_at` is the time of the assignment, never of an unassignment."""
    return {
        "id": holder.holder_id,
        "object": "redeemable_holder",
        "created_at": stamp(holder.assigned_at),
        "campaign_id": holder.campaign_id,
        "customer_id": holder.customer_id,
        "holder_role": holder.role,
        "voucher_type": "DISCOUNT_VOUCHER",
        "campaign_type": "REFERRAL_PROGRAM",
        "redeemable_id": holder.voucher_id,
        "publication_id": None,
        "redeemable_object": "voucher",
    }


def redeemable_body(holding: Holding) -> Json:
    """A row of what a customer holds: a holder without `object`, and the voucher in full.

    The vendor's examples show several forms of a time in one list, and a null campaign type.
    """
    is_referral = holding.voucher.campaign.is_referral
    return {
        "id": holding.holder_id,
        "created_at": odd_stamp(holding.since),
        "redeemable_id": holding.voucher.voucher_id,
        "redeemable_object": "voucher",
        "customer_id": holding.customer_id,
        "holder_role": holding.role,
        "campaign_id": holding.campaign_id,
        "campaign_type": "REFERRAL_PROGRAM" if is_referral else None,
        "voucher_type": "DISCOUNT_VOUCHER",
        "metadata": {},
        "redeemable": {
            "type": "voucher",
            "voucher": simple_voucher(holding.voucher)
            | {"created_at": odd_stamp(holding.voucher.created_at), "categories": []},
            "status": "ACTIVE",
            "summary": {"redemptions": None},
        },
    }


def simple_voucher(voucher: Voucher) -> Json:
    """A voucher as events and List Vouchers show it; `holder_id` is the REFERRER here."""
    return {
        "id": voucher.voucher_id,
        "code": voucher.code,
        "type": "DISCOUNT_VOUCHER",
        "active": True,
        "object": "voucher",
        "campaign": voucher.campaign.name,
        "discount": dict(_DISCOUNT),
        "metadata": {},
        "holder_id": voucher.owner_id,
        "created_at": stamp(voucher.created_at),
        "redemption": {"quantity": None, "redeemed_quantity": 0},
        "start_date": None,
        "updated_at": stamp(voucher.updated_at),
        "campaign_id": voucher.campaign.campaign_id,
        "category_id": voucher.campaign.category_id,
        "referrer_id": voucher.owner_id if voucher.campaign.is_referral else None,
        "expiration_date": None,
        "is_referral_code": voucher.campaign.is_referral,
    }


def simple_campaign(campaign: Campaign) -> Json:
    """A campaign as events show it."""
    return {
        "id": campaign.campaign_id,
        "name": campaign.name,
        "type": "AUTO_UPDATE",
        "active": True,
        "object": "campaign",
        "voucher": {
            "gift": None,
            "type": "DISCOUNT_VOUCHER",
            "discount": {**_DISCOUNT, "units": None},
            "redemption": {"quantity": None, "redeemed_quantity": 0},
            "code_config": {
                "length": 6,
                "prefix": campaign.prefix,
                "charset": _CHARSET,
                "pattern": "######",
                "postfix": "",
            },
            "loyalty_card": None,
        },
        "category": None,
        "metadata": {},
        "auto_join": False,
        "join_once": False,
        "created_at": stamp(campaign.created_at),
        "start_date": None,
        "category_id": campaign.category_id,
        "description": None,
        "campaign_type": campaign.campaign_type,
        "expiration_date": None,
        "is_referral_code": campaign.is_referral,
        "referral_program": {"conversion_event_type": "redemption"},
    }


def simple_customer(customer: Customer) -> Json:
    """A customer as assignment events show it: without metadata, as in the vendor's example."""
    return {
        "id": customer.customer_id,
        "name": customer.name,
        "email": customer.email,
        "object": "customer",
        "source_id": customer.source_id,
    }


def customer_with_metadata(customer: Customer) -> Json:
    """A customer as most other events show it."""
    return {**simple_customer(customer), "metadata": {"nickname": customer.nickname}}


def customer_body(customer: Customer) -> Json:
    """A customer as List Customers shows it."""
    return {
        "id": customer.customer_id,
        "source_id": customer.source_id,
        "name": customer.name,
        "description": None,
        "email": customer.email,
        "phone": None,
        "birthday": None,
        "birthdate": None,
        "address": None if customer.city is None else _address(customer.city),
        "summary": {
            "redemptions": {"total_redeemed": 0, "total_failed": 0, "total_succeeded": 0},
            "orders": {"total_amount": 0, "total_count": 0, "average_amount": 0},
        },
        "loyalty": {"points": 0, "referred_customers": 0, "campaigns": {}},
        "referrals": {"total": 0, "campaigns": []},
        "system_metadata": {},
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(customer.updated_at),
        "assets": {"cockpit_url": f"https://cockpit.example.com/{customer.customer_id}"},
        "metadata": {"nickname": customer.nickname},
        "object": "customer",
    }


def _address(city: str) -> Json:
    return {
        "city": city,
        "state": None,
        "line_1": None,
        "line_2": None,
        "country": None,
        "postal_code": None,
    }


def error_body(code: int, key: str, message: str, details: str, request_id: str) -> Json:
    """The vendor's error object (page "Errors")."""
    return {
        "code": code,
        "key": key,
        "message": message,
        "details": details,
        "request_id": request_id,
    }
