"""Bringing in people from a file: read, mapped, looked over, applied in pieces, undone."""
