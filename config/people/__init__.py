"""People with a password: how they come in, what they may do, and how they leave."""
