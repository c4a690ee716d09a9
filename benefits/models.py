"""Programmes, holdings and plans come with smart shopping (mission §2)."""
