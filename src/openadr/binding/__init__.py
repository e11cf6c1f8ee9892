"""How messages travel: XMPP, and what every binding shares."""
