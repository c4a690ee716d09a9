"""The simulator beside the running portal: separate processes, faults, and nothing broken."""


def test_simulated_phones_and_readers_break_no_rule(portal):
    told = portal.manage(
        "simulate", *("--seed", "1981", "--phones", "4", "--readers", "2", "--seconds", "5")
    )

    assert told["violations"] == []
    assert told["posted"] > 0
    assert portal.is_healthy()
