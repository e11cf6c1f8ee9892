"""The data model of a server: logical devices, nodes, data objects, attributes and control blocks."""
