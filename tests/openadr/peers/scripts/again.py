"""Reads each document of a JSON list as openleadr does, and writes it again; nothing where it cannot."""

import json
import sys

from openleadr import messaging


def again(document: str) -> str:
    """Return the document as openleadr writes it."""
    try:
        kind, payload = messaging.parse_message(document)
        return messaging.create_message(kind, **payload)
    except Exception:
        return ""


json.dump([again(document) for document in json.load(sys.stdin)], sys.stdout)
