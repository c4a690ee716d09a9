"""A stand-in for an issuer's own system: a process by itself, with no part in our database."""
