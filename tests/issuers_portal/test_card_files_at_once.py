"""Two second persons at the same moment, for which everything is committed."""

import threading

import pytest
from django.db import connection

from config.models import Job
from config.roles import Role
from issuers.models import UnblockRequest
from issuers.services import unblocking
from tests.issuers_portal.scene import build
from tests.issuers_portal.test_card_files import agree, hand_in


@pytest.fixture
def scene(transactional_db, now):
    return build(at=now)


@pytest.mark.django_db(transaction=True)
def test_two_agreeing_at_once_make_one_job(scene, desk, at, now):
    for number in range(3):
        scene.block(number, at=now)
    hand_in(desk(Role.ISSUER_RISK), at, "unblock", "card", *[c.reference for c in scene.cards])
    asked = UnblockRequest.objects.get()
    browsers = [desk(Role.ISSUER_APPROVER), desk(Role.ISSUER_APPROVER)]
    started = threading.Barrier(2)

    def press(browser):
        started.wait()
        agree(browser, at, asked)
        connection.close()

    threads = [threading.Thread(target=press, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Job.objects.filter(kind=unblocking.KIND).count() == 1
