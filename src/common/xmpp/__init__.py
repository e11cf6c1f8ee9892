"""The XMPP library both protocols share: one session port, its slixmpp adapter, a broker for demos."""
