"""The API's description: generated without a warning, served locally, true to the code."""

import pytest
import yaml
from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from config.signatures import OwnerBar
from settlement.rules import told
from tests.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("whole_portal")]

FACTS = (
    "reference",
    "channel",
    "state",
    "amount_minor",
    "currency",
    "store",
    "device",
    "last4",
    "approval_code",
)


@pytest.fixture(scope="module")
def generated():
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return schema, {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache}


class TestTheSchema:
    def test_is_generated_without_warnings(self, generated):
        assert generated[1] == {}

    def test_is_valid(self, generated):
        validate_schema(generated[0])

    def test_is_served_alike_as_json_and_yaml(self, client):
        as_json = client.get("/api/v1/openapi.json").json()
        as_yaml = yaml.safe_load(client.get("/api/v1/openapi.yaml").content)

        assert as_json == as_yaml
        assert as_json["openapi"].startswith("3.1")

    def test_tells_of_problems_on_every_operation(self, generated):
        for operations in generated[0]["paths"].values():
            for operation in operations.values():
                assert "application/problem+json" in operation["responses"]["default"]["content"]

    def test_names_the_idempotency_key_where_it_is_honoured(self, generated):
        post = generated[0]["paths"]["/api/v1/enrolments"]["post"]

        assert "Idempotency-Key" in [parameter["name"] for parameter in post["parameters"]]
        assert post["security"] == [{"newKeySignature": []}]

    def test_tells_every_field_of_a_payment_and_which_may_be_missing(self, generated):
        sale = ("PAY-1", "TID", "APPROVED", 1000, "KRW", "STO-1", "TRM-1", "", "")
        facts = dict(zip(FACTS, sale, strict=True)) | {"created_at": NOON, "approved_at": NOON}
        always = told.payment(**facts)
        whole = told.payment(
            **facts, tid="T1", order="A-1", decline_reason="velocity", refunded_minor=1
        )

        shape = generated[0]["components"]["schemas"]["SettlementPaymentAnswer"]

        assert set(shape["properties"]) == set(whole)
        assert set(shape["required"]) == set(always)

    def test_has_security_for_every_way_in(self, generated):
        schemes = generated[0]["components"]["securitySchemes"]

        assert {"deviceSignature", "newKeySignature", "apiKey"} <= set(schemes)


class TestTheReaders:
    @pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/redoc"])
    def test_ask_no_third_party_and_run_no_inline_script(self, client, path):
        answer = client.get(path)

        page = answer.content.decode()
        assert answer.status_code == 200
        assert "http://" not in page
        assert "https://" not in page
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe-eval" not in policy

    def test_keep_the_override_to_themselves(self, client):
        assert "unsafe-inline" not in client.get("/api/v1/").get("Content-Security-Policy", "")


@pytest.mark.parametrize(
    "dotted",
    [
        *settings.ENROLMENT_OWNERS.values(),
        *settings.ENROLMENT_OWNER_CHECKS.values(),
        *settings.DEVICE_LIMITS.values(),
        settings.API_KEY_LOOKUP,
    ],
)
def test_every_function_the_floor_names_is_there(dotted):
    assert callable(import_string(dotted))


@pytest.mark.parametrize("dotted", settings.DEVICE_OWNER_BARS.values())
def test_every_bar_the_floor_names_is_one(dotted):
    assert isinstance(import_string(dotted), OwnerBar)
