"""The audit chain: whatever is done to its rows is found, and named."""

import json

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.urls import reverse

from config import audit
from config.audit import SYSTEM, Actor
from config.models import Audit
from config.roles import Role
from tests.factories.config import member, signed_in

pytestmark = pytest.mark.django_db
ROWS = 40


@pytest.fixture
def chain(noon):
    return [
        audit.record(
            actor=Actor(kind="USER", name=str(n), address="192.0.2.1", request_id=f"request-{n}"),
            action="card.block",
            subject_kind="Card",
            subject=f"CRD-{n}",
            tenant="ISS-1" if n % 2 else "ISS-2",
            at=noon,
            before={"state": "ACTIVE"},
            after={"state": "BLOCKED", "sum": n},
        )
        for n in range(ROWS)
    ]


def tamper(statement, *values):
    """Change rows as somebody does who owns the tables."""
    with pgtrigger.ignore("config.Audit:append_only"), connection.cursor() as cursor:
        cursor.execute(statement, values)


def verify(capsys, *options):
    """Return what the command says, and whether it fails."""
    try:
        call_command("audit_verify", "--json", *options)
    except SystemExit as exit_:
        return json.loads(capsys.readouterr().out), exit_.code
    return json.loads(capsys.readouterr().out), 0


def test_an_untouched_chain_holds_and_its_newest_hash_is_told(chain, capsys):
    assert verify(capsys) == ({"rows": ROWS, "head": chain[-1].hash.hex()}, 0)


def test_the_table_itself_refuses_changes(chain):
    with pytest.raises(DatabaseError), transaction.atomic():
        Audit.objects.filter(pk=chain[3].pk).update(reason="none")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "'somebody else'"),
        ("action", "'card.unblock'"),
        ("subject", "'CRD-999'"),
        ("tenant", "'ISS-9'"),
        ("reason", "'asked by phone'"),
        ("before", "'{}'"),
        ("after", "NULL"),
        ("address", "'192.0.2.99'"),
        ("request_id", "''"),
        ("at", "at + interval '1 second'"),
    ],
)
def test_any_changed_column_is_found_and_the_row_named(chain, capsys, column, value):
    tamper(f"UPDATE config_audit SET {column} = {value} WHERE id = %s", chain[7].pk)

    told, code = verify(capsys)

    assert code == 1
    assert told["error"]["detail"] == f"Row {chain[7].pk}: the row was changed."


def test_a_change_with_the_hash_made_to_fit_shows_in_the_next_row(chain, capsys):
    row = chain[7]
    row.reason = "asked by phone"
    tamper(
        "UPDATE config_audit SET reason = %s, hash = %s WHERE id = %s",
        row.reason,
        audit.digest(row),
        row.pk,
    )

    told, code = verify(capsys)

    assert code == 1
    assert told["error"]["detail"].startswith(f"Row {chain[8].pk}:")


def test_a_deleted_row_is_found(chain, capsys):
    tamper("DELETE FROM config_audit WHERE id = %s", chain[20].pk)

    told, code = verify(capsys)

    assert code == 1
    assert told["error"]["detail"].startswith(f"Row {chain[21].pk}:")


def test_two_rows_swapped_are_found(chain, capsys):
    one, two = chain[10].pk, chain[11].pk
    tamper("UPDATE config_audit SET id = -1 WHERE id = %s", one)
    tamper("UPDATE config_audit SET id = %s WHERE id = %s", one, two)
    tamper("UPDATE config_audit SET id = %s WHERE id = -1", two)

    told, code = verify(capsys)

    assert code == 1
    assert told["error"]["detail"].startswith(f"Row {one}:")


class TestTruncation:
    def test_is_found_by_a_hash_kept_elsewhere(self, chain, capsys):
        kept = chain[-1].hash.hex()
        tamper("DELETE FROM config_audit WHERE id >= %s", chain[-5].pk)

        assert verify(capsys, "--head", kept)[1] == 1

    def test_is_found_even_after_new_rows(self, chain, capsys, noon):
        kept = chain[-1].hash.hex()
        tamper("DELETE FROM config_audit WHERE id >= %s", chain[-5].pk)
        audit.record(actor=SYSTEM, action="x", subject_kind="y", subject="z", at=noon)

        assert verify(capsys, "--head", kept)[1] == 1

    def test_a_chain_that_only_grew_holds(self, chain, capsys, noon):
        kept = chain[-1].hash.hex()
        audit.record(actor=SYSTEM, action="x", subject_kind="y", subject="z", at=noon)

        assert verify(capsys, "--head", kept)[1] == 0

    def test_without_the_kept_hash_it_cannot_be_seen(self, chain, capsys):
        tamper("DELETE FROM config_audit WHERE id >= %s", chain[-5].pk)

        assert verify(capsys)[1] == 0


class TestPage:
    def test_names_a_changed_row(self, chain):
        tamper("UPDATE config_audit SET reason = 'x' WHERE id = %s", chain[7].pk)
        browser = signed_in(member(Role.SETTLEMENT_CLERK))

        page = browser.get(reverse("audit"))
        walked = browser.post(reverse("audit"))

        assert page.context["changed"].pk == chain[7].pk
        assert walked.context["broken"].audit_id == chain[7].pk

    def test_an_issuer_sees_its_own_rows(self, chain):
        browser = signed_in(member(Role.ISSUER_AUDITOR, "ISS-1"))

        rows = browser.get(reverse("audit")).context["page"].rows

        assert {row.tenant for row in rows} == {"ISS-1"}

    @pytest.mark.parametrize(
        ("query", "count"),
        [("subject=CRD-7", 1), ("actor=7", 1), ("action=card.block", ROWS), ("action=x", 0)],
    )
    def test_filters(self, chain, query, count):
        browser = signed_in(member(Role.SETTLEMENT_CLERK))

        page = browser.get(f"{reverse('audit')}?{query}")

        assert len(page.context["page"].rows) == count
