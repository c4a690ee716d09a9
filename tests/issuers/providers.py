"""A key provider that notes whether a transaction was open whenever something was signed."""

from typing import ClassVar

from django.db import connection

from config.keys import KeyFiles


class WatchedKeys(KeyFiles):
    """Keys as files, each use noted: True where a transaction, so perhaps a lock, was open."""

    uses: ClassVar[list[bool]] = []

    def signing_key(self, *, name):
        self.uses.append(connection.in_atomic_block)
        return super().signing_key(name=name)
