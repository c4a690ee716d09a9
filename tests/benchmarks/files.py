"""Signed blacklist files for the D benchmarks, as readers are given them (protocol §5.1)."""

from config.wire.keys import SigningKey
from issuers.wire import BlacklistFile, rice

KEY = SigningKey.generate()
ISSUER = "ISS-0000000000"


def full(numbers, *, version=1):
    """Return the signed bytes of a full list."""
    return _signed(version=version, base=0, removals=(), additions=numbers, after=numbers)


def delta(*, removals, additions, after, version=2):
    """Return the signed bytes of the step from ``version`` - 1; all numbers ascend."""
    return _signed(
        version=version, base=version - 1, removals=removals, additions=additions, after=after
    )


def _signed(*, version, base, removals, additions, after):
    return BlacklistFile(
        issuer=ISSUER,
        version=version,
        base=base,
        issued=1_795_000_000,
        wait_s=5,
        removals=rice.encode(removals),
        additions=rice.encode(additions),
        entries=len(after),
        digest=rice.digest(after),
    ).sign(key=KEY)
