"""A shop, its card company and a sponsor with a row for every list, and walks through the pages."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve, reverse

from config.models import Device
from config.roles import Role
from issuers.models import Debt
from merchants.services import api_keys, relays
from merchants.services.webhooks import endpoints, replays
from settlement.models import Batch, Payment, Payout
from settlement.services import closing, stock
from settlement.services.stock import Line
from tests.factories import benefits as held
from tests.factories import preapprovals, requests
from tests.factories.config import member, signed_in
from tests.factories.merchants import SYSTEM, AgreementFactory, enrolled
from tests.issuers_portal.scene import Scene
from tests.issuers_portal.test_rights import asked_for, asking, handed_in
from tests.settlement_portal.world import made, payer_of
from wallets.models import Phone


def build():
    """Return the world of ``tests.settlement_portal`` with one of everything in it."""
    world = made()
    world.sell(1_000, 2_000)
    world.post(world.shop, world.card.sale(world.shop, 1_500, atc=9))
    world.post(world.other_shop, world.card.sale(world.other_shop, 900, atc=1))
    _of_issuer(world)
    _of_shop(world)
    _of_machines(world)
    world.sponsor = _of_sponsor(world)
    return world


def _of_issuer(world):
    spare = payer_of(world).held
    scene = Scene(issuer=world.issuer, programme=world.card.card.programme)
    scene.cards, scene.phones = [world.card.card, spare.card], [world.card.phone, spare.phone]
    asking(scene.cards[0], scene.phones[0])
    handed_in(world.issuer)
    asked_for(scene)
    scene.block(1, at=world.now - timedelta(hours=12))  # and the phone has not heard of it
    Debt.objects.create(
        account=spare.card.account, card=spare.card, amount_minor=700, opened_at=world.now
    )


def _of_shop(world):
    store = world.merchant.stores.get()
    terminal, _key = enrolled(kind="TERMINAL", store=store)
    relay, _key = enrolled(kind="RELAY", store=store)
    relays.pair(relay=relay, terminal=terminal, actor=SYSTEM, at=world.now)
    api_keys.make(merchant=world.merchant, name="=cmd()", actor=SYSTEM, at=world.now)
    url = "https://hook.example/"
    hook = endpoints.add(merchant=world.merchant, url=url, actor=SYSTEM, at=world.now).endpoint
    replays.send_test(endpoint=hook, actor=SYSTEM, at=world.now)
    request = requests.terminal(store=store).asks(4_000, at=world.now)
    payer_of(world).pays(request, at=world.now)
    AgreementFactory(merchant=world.merchant)
    day = Payment.objects.filter(merchant=world.merchant).earliest("pk").business_date
    closing.close_day(merchant=world.merchant, day=day, actor=SYSTEM, at=world.now)


def _of_machines(world):
    """An ATM that does not know what it paid out, and a ticket to hand out."""
    store, payer = world.merchant.stores.get(), payer_of(world)
    machine = preapprovals.atm(store=store)
    begun = machine.takes(preapprovals.approved(payer, 50_000, at=world.now), at=world.now)
    machine.reports(begun, "UNKNOWN", journal="=feeding", at=world.now)
    ticket = [Line("LOTTERY", "KRW", 5_000, "L-1")]
    stock.load(merchant=world.merchant, lines=ticket, actor=SYSTEM, at=world.now)


def _of_sponsor(world):
    merchant, shopper = world.merchant, payer_of(world)
    own = held.sponsors.of(
        kind="MERCHANT", owner=merchant.reference, name=merchant.name, at=held.PUBLISHED
    )
    held.earning(merchant, points_bps=100, at=world.now)
    brand = held.sponsor(f"Brand of {merchant.reference}")
    customer = Phone.objects.get(device=shopper.phone).customer
    till = held.counter(store=merchant.stores.get())
    coupon = held.held(customer, shares=[(own, 5_000), (brand, 5_000)])
    till.takes(held.plan_of(shopper.phone, coupon, at=world.now).plan, at=world.now)
    return brand


def at_work(world, role):
    """Return somebody of a role in this house, signed in."""
    tenants = {
        "ISSUER": world.issuer.reference,
        "MERCHANT": world.merchant.reference,
        "SPONSOR": world.sponsor.reference,
    }
    return signed_in(member(role, tenants.get(role.value.split("_")[0], "")))


def begins(world, role):
    """Return where a walk through the pages of a role begins: not all is linked from the first."""
    shop = world.merchant.reference
    if role == Role.MERCHANT_OWNER:
        also = ("holder-find", "agreement-list", "relay-list")
        return ["/", *(reverse(name, args=[shop]) for name in also)]
    return ["/", "/merchant/payments/shops"] if role == Role.PLATFORM_ADMIN else ["/"]


def told(world):
    """Return what nobody outside may read: references of the house's own things."""
    shops = [world.merchant.pk]
    return {
        *(world.merchant.reference, world.issuer.reference, world.sponsor.reference),
        *(world.card.card.reference, world.card.phone.reference),
        *Payment.objects.filter(merchant__in=shops).values_list("reference", flat=True),
        *Batch.objects.filter(merchant__in=shops).values_list("reference", flat=True),
        *Payout.objects.filter(merchant__in=shops).values_list("reference", flat=True),
        *Device.objects.filter(equipment__merchant__in=shops).values_list("reference", flat=True),
    }


def walk(browser, starts):
    """Yield (name, path, html) of each named page that links lead to, once."""
    ahead, seen = list(starts), set()
    while ahead:
        path = ahead.pop(0)
        name = name_of(path)
        if not name or name in seen:
            continue
        answer = browser.get(path)
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        seen.add(name)
        html = unescape(answer.content.decode())
        ahead += [urlsplit(link).path for link in re.findall(r'<a [^>]*?href="(/[^"]*)"', html)]
        yield name, path, html


def name_of(path):
    """Return the name of a page of the portal, "" for any other address."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    return found.url_name if ".portal." in found.func.__module__ else ""


def text_of(answer):
    """Return what an answer says, a file or a page."""
    if answer.streaming:
        return b"".join(answer.streaming_content).decode()
    return unescape(answer.content.decode(errors="replace"))
