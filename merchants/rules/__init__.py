"""Rules of the result notification server: no sockets, no Django, time is passed in."""
