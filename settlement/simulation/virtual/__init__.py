"""Simulations in one process and in virtual time: three hundred events in a few seconds.

The devices are those of the other simulations, the portal is the real one called over WSGI, on a
PostgreSQL database of each seed's own. Only time is pretended, and what waits for it.
"""
