"""Commands here run by a clerk, who says what the command line says to a person."""

import pytest


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("programmes",), 0),
        (("card_issue", "--customer", "CUS-NOBODY", "--programme", "P", "--balance", "1"), 1),
        (("programmes", "--no-such-option"), 2),
    ],
)
def test_a_command_hears_what_a_person_hears(portal, words, status):
    told, heard = portal.run("manage", *words, "--json"), portal.clerk.run(*words, "--json")

    assert heard.returncode == told.returncode == status
    assert (heard.stdout, heard.stderr) == (told.stdout, told.stderr)
