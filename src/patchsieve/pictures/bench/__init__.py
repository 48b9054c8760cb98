"""The pictures of a bench."""

__all__ = []
