"""The commands of protocol §9, with their exact answers."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from config.models import Audit, Job
from issuers.models import OtaCommand
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def answer(*words):
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())


def refusal(*words):
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, "--json", stdout=out)
    assert ended.value.code == 1
    return json.loads(out.getvalue())["error"]["code"]


@pytest.fixture
def card():
    return made.credential(at=timezone.now()).card


class TestBlacklist:
    def test_block_and_unblock_answer_with_version_and_command(self, card):
        told = answer("blacklist", "block", "--card", card.reference, "--reason", "lost")

        command = OtaCommand.objects.get()
        assert told.keys() == {"card", "issuer", "version", "command"}
        assert (told["card"], told["version"]) == (card.reference, 1)
        assert told["command"]["state"] == command.state
        lifted = answer("blacklist", "unblock", "--card", card.reference)
        assert (lifted["issuer"], lifted["version"]) == (card.issuer.reference, 2)

    def test_block_leaves_the_audit_entry_of_a_command(self, card):
        answer("blacklist", "block", "--card", card.reference, "--reason", "LOST")

        assert Audit.objects.get(action="blacklist.block").actor_kind == "COMMAND"

    def test_status_says_since_when(self, card):
        before = answer("blacklist", "status", "--card", card.reference)
        answer("blacklist", "block", "--card", card.reference, "--reason", "LOST")
        after = answer("blacklist", "status", "--card", card.reference)

        assert before == {"card": card.reference, "state": "ACTIVE", "version": 0}
        assert (after["state"], after["version"]) == ("BLOCKED", 1)
        assert after["listed_since"].endswith("Z")

    def test_versions_are_listed_oldest_first(self, card):
        answer("blacklist", "block", "--card", card.reference, "--reason", "LOST")
        answer("blacklist", "unblock", "--card", card.reference)

        told = answer("blacklist", "versions", "--issuer", card.issuer.reference)["versions"]

        assert [(v["version"], v["added"], v["removed"], v["entries"]) for v in told] == [
            (1, 1, 0, 1),
            (2, 0, 1, 0),
        ]

    def test_import_answers_with_the_job(self, card, tmp_path):
        file = tmp_path / "cards.csv"
        file.write_text(f"card,reason\n{card.reference},LOST\n")

        told = answer("blacklist", "import", str(file))

        assert told == {"job": Job.objects.get().reference}

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("status", "--card", "unknown"), "not_found"),
            (("block", "--card", "AAAAAAAAAAAAAAAAAAAAAA", "--reason", "LOST"), "not_found"),
            (("versions", "--issuer", "ISS-NONE"), "not_found"),
            (("import", "/nowhere.csv"), "file_unreadable"),
        ],
    )
    def test_refuses_with_a_stable_code(self, words, code):
        assert refusal("blacklist", *words) == code

    def test_refuses_a_second_block(self, card):
        words = ("blacklist", "block", "--card", card.reference, "--reason", "LOST")
        answer(*words)

        assert refusal(*words) == "card_blocked_already"


def test_programmes_are_listed(noon):
    programme = made.programme(at=noon)

    assert answer("programmes")["programmes"] == [
        {
            "programme": programme.reference,
            "issuer": programme.issuer.reference,
            "currency": "KRW",
            "kind": "DEBIT",
        }
    ]


class TestIssuerAuthoriser:
    @pytest.fixture
    def issuer(self, card):
        return card.issuer.reference

    def test_names_where_an_issuer_is_asked_until_it_is_off(self, issuer, tmp_path):
        (tmp_path / "token").write_text("token-of-the-issuer\n")
        url = ["--url", "https://auth.example/", "--token-file", str(tmp_path / "token")]

        told = answer("issuer_authoriser", "--issuer", issuer, *url)

        assert told == {"issuer": issuer, "authoriser": "https://auth.example"}
        off = answer("issuer_authoriser", "--issuer", issuer, "--off")
        assert off == {"issuer": issuer, "authoriser": None}
        assert Audit.objects.filter(action__startswith="issuer.authoriser").count() == 2

    def test_refuses_what_is_none(self, issuer):
        url = ["--url", "https://auth.example"]

        assert refusal("issuer_authoriser", "--issuer", "ISS-0", "--off") == "not_found"
        assert refusal("issuer_authoriser", "--issuer", issuer, "--off") == "no_authoriser"
        assert refusal("issuer_authoriser", "--issuer", issuer, *url) == "authoriser_refused"
