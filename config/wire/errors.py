"""What goes wrong with bytes from outside. A decoder of this project raises nothing else."""


class WireError(ValueError):
    """Bytes or text from outside that this project does not accept."""


class Malformed(WireError):
    """The form is wrong: not deterministic, of the wrong type, out of bounds, cut short."""


class BadSignature(WireError):
    """The form is right and the signature, or the key it names, does not fit."""
