"""What this implementation conforms to, as data that tests hold to its behaviour: PICS, MICS and PIXIT."""
