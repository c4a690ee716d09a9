"""The launcher behind ``./paydesk``: every process of the portal on one machine, without Django."""
