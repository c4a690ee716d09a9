"""The simulator at the running portal: separate processes, faults on the way, one end per seed."""

SHORT = ("--seed", "1981", "--phones", "4", "--readers", "2", "--seconds", "5")


def test_the_same_seed_wishes_the_same_and_comes_to_the_same_end(portal):
    first, second = (portal.manage("simulate", *SHORT) for _ in range(2))

    assert first["violations"] == second["violations"] == []
    assert first["posted"] > 0
    for told in ("digest", "end", "payments", "posted", "declined", "faults"):
        assert first[told] == second[told], told
