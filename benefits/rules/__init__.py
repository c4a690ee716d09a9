"""What benefits are worth on a purchase, pure (``docs/algorithms/benefits.md``)."""
