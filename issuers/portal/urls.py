from django.urls import path

from issuers.portal import (
    authorisations,
    blacklist,
    blocking,
    card_files,
    card_limits,
    cards,
    certificate_requests,
    debts,
    devices,
    distribution,
    programmes,
    taking_off,
    undelivered,
)

urlpatterns = [
    path("", programmes.issuer_list, name="issuer-list"),
    path(
        "<str:issuer>/authorisations", authorisations.authorisation_list, name="authorisation-list"
    ),
    path("<str:issuer>/blacklist", blacklist.blacklist_page, name="blacklist"),
    path("<str:issuer>/blacklist/reach", blacklist.reach, name="blacklist-reach"),
    path("<str:issuer>/blacklist/block", blocking.card_find, name="card-find"),
    path("<str:issuer>/blacklist/files", card_files.file_list, name="card-file-list"),
    path("<str:issuer>/blacklist/files/new", card_files.file_add, name="card-file-add"),
    path("<str:issuer>/jobs/<str:job>", card_files.job_page, name="card-job"),
    path("<str:issuer>/jobs/<str:job>/state", card_files.job_state, name="card-job-state"),
    path("<str:issuer>/jobs/<str:job>/cancel", card_files.job_cancel, name="card-job-cancel"),
    path("<str:issuer>/jobs/<str:job>/errors", card_files.job_errors, name="card-job-errors"),
    path(
        "<str:issuer>/unblock-requests/<str:asked>",
        card_files.unblock_request,
        name="unblock-request",
    ),
    path(
        "<str:issuer>/unblock-requests/<str:asked>/agree",
        card_files.unblock_agree,
        name="unblock-agree",
    ),
    path(
        "<str:issuer>/unblock-requests/<str:asked>/refuse",
        card_files.unblock_refuse,
        name="unblock-refuse",
    ),
    path("<str:issuer>/distribution", distribution.distribution, name="distribution"),
    path("<str:issuer>/versions", distribution.version_list, name="list-versions"),
    path("<str:issuer>/versions/<int:version>", distribution.version_page, name="list-version"),
    path(
        "<str:issuer>/versions/<int:version>/file",
        distribution.version_file,
        name="list-version-file",
    ),
    path("<str:issuer>/debts", debts.debt_list, name="debts"),
    path("<str:issuer>/undelivered", undelivered.undelivered, name="undelivered"),
    path("<str:issuer>/devices", devices.device_list, name="issuer-devices"),
    path("<str:issuer>/devices/<str:device>", devices.device_page, name="issuer-device"),
    path("<str:issuer>/devices/<str:device>/offer", devices.device_offer, name="device-offer"),
    path("<str:issuer>/devices/<str:device>/wipe", taking_off.device_wipe, name="device-wipe"),
    path(
        "<str:issuer>/devices/<str:device>/unlock", taking_off.device_unlock, name="device-unlock"
    ),
    path(
        "<str:issuer>/certificate-requests",
        certificate_requests.request_list,
        name="certificate-requests",
    ),
    path(
        "<str:issuer>/certificate-requests/<int:wish>/agree",
        certificate_requests.request_agree,
        name="certificate-request-agree",
    ),
    path(
        "<str:issuer>/certificate-requests/<int:wish>/refuse",
        certificate_requests.request_refuse,
        name="certificate-request-refuse",
    ),
    path("<str:issuer>/cards", cards.card_list, name="card-list"),
    path("<str:issuer>/cards/new", cards.card_issue, name="card-issue"),
    path("<str:issuer>/cards/<str:card>", cards.card_page, name="card"),
    path("<str:issuer>/cards/<str:card>/limit", card_limits.card_limit, name="card-limit"),
    path("<str:issuer>/cards/<str:card>/block", blocking.card_block, name="card-block"),
    path("<str:issuer>/cards/<str:card>/unblock", blocking.card_unblock, name="card-unblock"),
    path("<str:issuer>/cards/<str:card>/close", taking_off.card_close, name="card-close"),
    path(
        "<str:issuer>/cards/<str:card>/phones/<str:device>/wipe",
        taking_off.card_wipe,
        name="card-wipe",
    ),
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
