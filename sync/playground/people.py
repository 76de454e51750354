"""Invented people, campaigns and codes.

Contract: deterministic; addresses are on example.com and example.org only. Every fifth customer
comes from one bulk import, so that many share one creation instant. A `settled` customer is old
enough to hold codes for as long as the world's history of assignments reaches back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sync.playground.dice import Dice
from sync.playground.values import LOOKBACK, Campaign, Customer, Voucher

SETTLED = timedelta(days=120)
_IMPORTED = timedelta(days=200)
_OLDEST = timedelta(days=730)
_YOUNGEST = timedelta(days=2)
_FOUNDED = timedelta(days=800)

_FIRST = ("Alwina", "Borvik", "Célia", "Dunja", "Ewald", "Fjolla", "Gerwin", "Hedvig", "Ilmar")
_SECOND = ("Torvaal", "Quendlin", "Ashgrove", "Mirkova", "Oldenrath", "Pellworm", "Süderholz")
_NICK = ("Otter", "Sparrow", "Badger", "Heron", "Marten", "Lynx", "Wagtail")
_CITIES = ("Nordhavn", "Eichtal", "Vila Serena", "Brookmere", None)
_SOURCES = ("{n}", "s-{n}", "shop/eu/{n}", "pos {n}", "user{n}@old", "käufer-{n}", "a%2F{n}+b")


def off_border(now: datetime, at: datetime) -> datetime:
    """`at`, moved by a day if it lies within hours of the border of the window.

    A run starts a little later than its world was made; so that no event changes sides
    meanwhile, nothing ever happens near the border.
    """
    border = now - LOOKBACK
    near = border - timedelta(hours=6) <= at <= border + timedelta(hours=12)
    return at + timedelta(days=1) if near else at


def creation_instants(dice: Dice, now: datetime, count: int) -> list[datetime]:
    """When `count` customers were created; a fifth of them at one and the same instant."""
    imported = now - _IMPORTED
    return [
        imported if index % 5 == 0 else off_border(now, dice.moment(now - _OLDEST, now - _YOUNGEST))
        for index in range(count)
    ]


def new_customer(dice: Dice, serial: int, created_at: datetime, now: datetime) -> Customer:
    """One invented person. `serial` keeps source id and address unique in the world."""
    first, second = dice.one_of(_FIRST), dice.one_of(_SECOND)
    source_id = dice.one_of(_SOURCES).format(n=10_000 + serial)
    host = dice.one_of(("example.com", "example.org"))
    return Customer(
        customer_id=dice.long_id("cust"),
        source_id=None if dice.chance(0.05) else source_id,
        name=None if dice.chance(0.05) else f"{first} {second}",
        email=None if dice.chance(0.1) else f"friend.{10_000 + serial}@{host}",
        city=dice.one_of(_CITIES),
        nickname=f"{dice.one_of(_NICK)}-{10_000 + serial}",
        created_at=created_at,
        updated_at=dice.moment(created_at, max(created_at, now - _YOUNGEST)),
    )


def is_settled(customer: Customer, now: datetime) -> bool:
    """Whether the customer was there before the oldest assignment of this world."""
    return customer.created_at <= now - SETTLED


def campaigns(dice: Dice, now: datetime) -> tuple[Campaign, ...]:
    """Three referral campaigns, and one of plain discounts that is only noise."""
    return tuple(
        Campaign(
            campaign_id=dice.long_id("camp"),
            name=name,
            campaign_type="REFERRAL_PROGRAM" if prefix else "DISCOUNT_COUPONS",
            category_id=dice.short_id("cat"),
            prefix=prefix,
            created_at=now - _FOUNDED,
        )
        for name, prefix in (
            ("Bring a Friend", "FRIEND-"),
            ("Spring Referral", "SPRING/"),
            ("Städtetour", "TOUR "),
            ("Welcome Discount", ""),
        )
    )


def vouchers(
    dice: Dice, now: datetime, owners: Sequence[Customer], found: Sequence[Campaign]
) -> tuple[Voucher, ...]:
    """One code for each owner in turn of each campaign; none if nobody may own one."""
    referral = [campaign for campaign in found if campaign.is_referral]
    plain = [campaign for campaign in found if not campaign.is_referral]
    made = [
        _voucher(dice, now, owner, referral[index % len(referral)])
        for index, owner in enumerate(owners)
    ]
    return (*made, *(_voucher(dice, now, owner, plain[0]) for owner in owners[:3]))


def _voucher(dice: Dice, now: datetime, owner: Customer, campaign: Campaign) -> Voucher:
    return new_voucher(dice, owner, campaign, dice.moment(owner.created_at, now - SETTLED))


def new_voucher(dice: Dice, owner: Customer, campaign: Campaign, created_at: datetime) -> Voucher:
    """One code of somebody's, in a campaign."""
    return Voucher(
        voucher_id=dice.long_id("v", 32),
        code=campaign.prefix + dice.letters(6),
        campaign=campaign,
        owner_id=owner.customer_id,
        created_at=created_at,
        updated_at=created_at + timedelta(hours=1),
    )
