"""Signs and verifies as openleadr does: a JSON list of orders comes in, the list of what came of them goes out."""

import json
import sys

from openleadr import messaging


def sign(cert: str, key: str, kind: str, payload: dict) -> str:
    """Return a signed message."""
    with open(cert, "rb") as c, open(key, "rb") as k:
        return messaging.create_message(kind, cert=c.read(), key=k.read(), **payload)


def verify(document: str, fingerprint: str) -> str:
    """Return nothing for a message that openleadr accepts, else what it says."""
    try:
        tree = messaging.validate_xml_schema(document)
        messaging.validate_xml_signature(tree, fingerprint)
        messaging.parse_message(document)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


json.dump([{"sign": sign, "verify": verify}[verb](*arguments) for verb, *arguments in json.load(sys.stdin)], sys.stdout)
