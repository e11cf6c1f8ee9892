"""An example of a driver: what is installed is `janusgrid_text` alone."""
