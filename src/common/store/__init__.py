"""What has to outlive the process, in plain files: an append-only journal that recovers from a torn end."""

from .journal import Durability, Journal, Renewal, Scanned, frame, scan

__all__ = ["Durability", "Journal", "Renewal", "Scanned", "frame", "scan"]
