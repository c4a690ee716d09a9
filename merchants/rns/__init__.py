"""The result notification server's process: a receive loop, and three threads beside it.

The loop answers from memory and never waits (``merchants.rules.answering``). The desk looks up what
the loop set aside and keeps registrations; the feed follows the event history and sends results;
the clerk writes the log and the counts and renews the terminals' secrets.
"""
