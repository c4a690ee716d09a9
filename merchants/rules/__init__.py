"""Pure rules of results over UDP and of webhooks: no sockets, no Django, time is passed in."""
