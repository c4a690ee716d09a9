"""An amount among several, to the minor unit: nothing is lost, nothing comes twice."""

from collections.abc import Sequence


def in_parts(amount: int, weights: Sequence[int]) -> list[int]:
    """Return what each of ``weights`` bears of ``amount``: the first k together ⌊amount × theirs /
    all⌋, so that the parts are the amount and none is above its due by a unit.

    :param weights: not negative; together at least 1 unless ``amount`` is 0
    """
    whole, so_far, borne = sum(weights), 0, 0
    parts = []
    for weight in weights:
        so_far += weight
        total = amount * so_far // whole if whole else 0
        parts.append(total - borne)
        borne = total
    return parts
