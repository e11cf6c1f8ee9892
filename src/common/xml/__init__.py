"""The one hardened door for XML that comes from outside, and schema validation behind it.

element = read(data)            # refuses DOCTYPE, entities, too much, too deep, before anything is built
faults = schema.faults(element) # second step: never a parser with a schema
"""
