"""The checker: what the clients wrote down, laid beside what the database says, and judged.

It shares no rule with the portal or the simulator: it imports neither, knows their tables and the
form of the journals, and reads both. ``python -m settlement.simulation.checker LOGS DATABASE``.
"""
