"""The demonstration: a utility, a site and nine machines on one XMPP server, in one process, on a scaled clock."""
