from django.urls import path

from issuers.portal import (
    blacklist,
    blocking,
    cards,
    devices,
    distribution,
    programmes,
    undelivered,
)

urlpatterns = [
    path("", programmes.issuer_list, name="issuer-list"),
    path("<str:issuer>/blacklist", blacklist.blacklist_page, name="blacklist"),
    path("<str:issuer>/blacklist/reach", blacklist.reach, name="blacklist-reach"),
    path("<str:issuer>/blacklist/block", blocking.card_find, name="card-find"),
    path("<str:issuer>/distribution", distribution.distribution, name="distribution"),
    path("<str:issuer>/versions", distribution.version_list, name="list-versions"),
    path("<str:issuer>/versions/<int:version>", distribution.version_page, name="list-version"),
    path(
        "<str:issuer>/versions/<int:version>/file",
        distribution.version_file,
        name="list-version-file",
    ),
    path("<str:issuer>/undelivered", undelivered.undelivered, name="undelivered"),
    path("<str:issuer>/devices", devices.device_list, name="issuer-devices"),
    path("<str:issuer>/devices/<str:device>", devices.device_page, name="issuer-device"),
    path("<str:issuer>/devices/<str:device>/offer", devices.device_offer, name="device-offer"),
    path("<str:issuer>/cards", cards.card_list, name="card-list"),
    path("<str:issuer>/cards/new", cards.card_issue, name="card-issue"),
    path("<str:issuer>/cards/<str:card>", cards.card_page, name="card"),
    path("<str:issuer>/cards/<str:card>/block", blocking.card_block, name="card-block"),
    path("<str:issuer>/cards/<str:card>/unblock", blocking.card_unblock, name="card-unblock"),
    path("<str:issuer>/programmes", programmes.programme_list, name="programme-list"),
    path("<str:issuer>/programmes/new", programmes.programme_add, name="programme-add"),
    path("<str:issuer>/programmes/<str:programme>", programmes.programme_page, name="programme"),
    path(
        "<str:issuer>/programmes/<str:programme>/edit",
        programmes.programme_edit,
        name="programme-edit",
    ),
    path(
        "<str:issuer>/programmes/<str:programme>/limits",
        programmes.limits_change,
        name="offline-limits",
    ),
]
