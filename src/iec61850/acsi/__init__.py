"""The abstract services of IEC 61850-7-2 as plain classes: types, references, requests, and the two ports.

Nothing here knows MMS or a wire. A client port takes requests; a server engine answers them; a mapping lies between.
"""
