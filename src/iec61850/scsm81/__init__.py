"""SCSM 8-1: MMS in BER over TCP (IEC 61850-8-1), client and server.

One room per layer, none of which does any input or output: `tpkt` and `cotp` (transport, RFC 1006), `session`,
`presentation`, `acse`. `stack` joins them into one side of an association; `connection` binds that to asyncio, and
`client` and `server` to the mapping. `address` says who is called, `tls` makes the contexts of the port 3782 profile.
"""
