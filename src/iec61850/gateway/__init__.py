"""A gateway between SCSM 8-1 and 8-2, in both directions: a server on one is served on the other as if it were local.

far = Far("dg750", opener("xmpp:dg750@plant.example/IEC", session=session), text=True)
gateway = Gateway("dg750", lambda caller: far)
await TcpServer(gateway).listen("127.0.0.1", 102)
"""

from .far import Far, opener
from .gateway import Gateway

__all__ = ["Far", "Gateway", "opener"]
