"""The wire formats every app shares: pure Python, no Django, strict in what they accept."""
