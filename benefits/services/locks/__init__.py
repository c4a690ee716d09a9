"""Locks: what a payment takes of a plan, held at the till, then committed or released."""

from benefits.services.locks.ending import (
    Borne,
    NotHeld,
    commit,
    release,
)
from benefits.services.locks.taking import Basket, Skip, Taken, take

__all__ = ["Basket", "Borne", "NotHeld", "Skip", "Taken", "commit", "release", "take"]
