"""Every file that somebody takes away is told, whichever page gave it."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.models import Audit
from config.portal.downloads import DownloadTrail
from config.roles import Role
from tests.factories.config import MembershipFactory, member

pytestmark = pytest.mark.django_db
ATTACHED = {"Content-Disposition": 'attachment; filename="PAY-2026-11.csv"'}


@pytest.fixture
def person(issuer):
    return member(Role.ISSUER_RISK, tenant=issuer.reference)


def fetch(person, *, headers=ATTACHED, status=200, method="get"):
    request = getattr(RequestFactory(), method)("/somewhere/file")
    request.user = person
    request.membership = MembershipFactory._meta.model.objects.filter(user=person).first()
    answer = HttpResponse("a,b", status=status, headers=headers)
    return DownloadTrail(lambda _request: answer)(request)


def test_who_took_which_file_from_where(person, issuer):
    fetch(person)

    row = Audit.objects.get(action="file.download")
    assert (row.actor, row.subject, row.tenant) == (
        str(person.pk),
        "PAY-2026-11.csv",
        issuer.reference,
    )
    assert row.after == {"path": "/somewhere/file"}


@pytest.mark.parametrize(
    "other", [{"headers": {}}, {"status": 404}, {"method": "head"}, {"headers": {"X": "y"}}]
)
def test_what_is_no_file_is_not(person, other):
    fetch(person, **other)

    assert not Audit.objects.filter(action="file.download").exists()


def test_each_answer_passes_it(settings):
    """After whoever is signed in is known, so that the row has an actor."""
    chain = settings.MIDDLEWARE

    assert chain.index("config.middleware.SignedInPerson") < chain.index(
        "config.portal.downloads.DownloadTrail"
    )
