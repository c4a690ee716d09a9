"""Who did it: names for what ``Actor.name`` left in a row."""

from collections.abc import Iterable

from config.models import User


def authors_of(*, names: Iterable[str]) -> dict[str, str]:
    """Return what people call the authors of rows; a person acts under the key of the account.

    A command acts under the name of who ran it and a rule under its own, which read as they are.
    """
    told = {name for name in names if name}
    people = User.objects.filter(pk__in=[int(name) for name in told if name.isdigit()])
    known = {str(pk): name for pk, name in people.values_list("pk", "name")} if told else {}
    return {name: known.get(name, name) for name in told}
