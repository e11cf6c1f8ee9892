"""IEC 61850, client and server: one engine, one client API, whatever the mapping on the wire."""
