"""Roles in processes of their own that are killed at any moment."""
