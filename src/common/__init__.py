"""What both protocols stand on: errors, clock, state tables, configuration, XML, XMPP, points and their values."""
