"""The peer of B3: a ledger as one writes it in an afternoon, with Django alone."""
