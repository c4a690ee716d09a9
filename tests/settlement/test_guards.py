"""The database checks a payment's references itself, all rows of a statement at once."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from settlement.models import Payment
from settlement.services import batches

pytestmark = pytest.mark.django_db

COLUMNS = ("merchant_id", "store_id", "device_id", "card_id", "credential_id")
KEPT = (
    "config_device",
    "merchants_merchant",
    "merchants_store",
    "issuers_card",
    "issuers_credential",
)
NOTHING = 10**15


@pytest.fixture
def payment(till, card):
    till.upload(card.sale(till, 1000))
    batches.post_waiting(limit=1, at=till.now)
    return Payment.objects.get()


def copy_of(payment, **changes):
    payment.pk, payment.reference, payment.atc = None, "PAY-COPY", payment.atc + 1
    for name, value in changes.items():
        setattr(payment, name, value)
    return payment


@pytest.mark.parametrize("column", COLUMNS)
def test_a_payment_that_refers_to_nothing_is_refused(payment, column):
    with pytest.raises(IntegrityError, match=f"{column} of settlement_payment refers to nothing"):
        copy_of(payment, **{column: NOTHING}).save()


def test_one_row_of_many_that_refers_to_nothing_is_found(payment):
    first, second = copy_of(payment), copy_of(Payment.objects.get())
    second.reference, second.atc, second.store_id = "PAY-OTHER", second.atc + 1, NOTHING

    with pytest.raises(IntegrityError, match="store_id of settlement_payment refers to nothing"):
        Payment.objects.bulk_create([first, second])


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("settlement_batchrecord", ("batch_id", "card_id", "payment_id")),
        ("settlement_atcseen", ("credential_id", "payment_id")),
        ("settlement_transfer", ("payment_id",)),
    ],
)
def test_among_rows_that_name_nothing_the_first_lost_column_is_told(db, table, columns):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgfoid::regproc::text FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgname LIKE 'pgtrigger_refers%%'",
            [table],
        )
        (check,) = cursor.fetchone()
        cursor.execute(
            f"CREATE TEMP TABLE bare ({', '.join(f'{name} bigint' for name in columns)})"
        )
        cursor.execute(
            "CREATE TRIGGER refers AFTER INSERT ON bare REFERENCING NEW TABLE AS new_rows"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {check}()"
        )
        named = dict.fromkeys(columns, "NULL")
        nothing = ", ".join([f"({', '.join(named.values())})"] * 3)
        cursor.execute(f"INSERT INTO bare VALUES {nothing}")
        for column in reversed(columns):
            named[column] = str(-NOTHING)
            lost = f"({', '.join(named.values())})"
            with (
                pytest.raises(IntegrityError, match=f"{column} of bare refers to nothing"),
                transaction.atomic(),
            ):
                cursor.execute(f"INSERT INTO bare VALUES {nothing}, {lost}, {nothing}")


@pytest.mark.parametrize("column", COLUMNS)
def test_without_the_trigger_it_would_get_in(payment, column):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE settlement_payment DISABLE TRIGGER USER")
        copy_of(payment, **{column: NOTHING}).save()
        transaction.set_rollback(True)


@pytest.mark.parametrize("column", ["store_id", "device_id", "credential_id"])
def test_what_it_refers_to_never_changes(payment, column):
    with pytest.raises(DatabaseError, match="Cannot update"):
        Payment.objects.update(**{column: NOTHING})


@pytest.mark.parametrize("table", KEPT)
def test_what_payments_refer_to_is_never_deleted(payment, table):
    with pytest.raises(DatabaseError, match="Cannot delete"), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
