"""Webhooks: a merchant's events sent to its own servers (protocol §8, Standard Webhooks).

``endpoints`` sets them up, ``spool`` writes deliveries from the event stream, ``leases`` takes them
on and notes what came of them, ``sending`` makes one attempt, ``runner`` turns all of it round, and
``replays`` sends again what was sent before.
"""
