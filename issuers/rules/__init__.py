"""Rules of an issuer, pure: facts in, a word out."""
