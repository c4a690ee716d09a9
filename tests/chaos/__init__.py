"""Fault runs: a portal of its own, readers that upload, parts that get killed, and a checker."""
