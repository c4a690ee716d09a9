"""How far the result of a payment got on its way to the terminal, over UDP (protocol §4.2)."""


def delivery_of(*, tid: str) -> str:
    """Return ``NONE PENDING SENT DELIVERED UNDELIVERED`` of the result under ``tid``."""
    return "NONE"
