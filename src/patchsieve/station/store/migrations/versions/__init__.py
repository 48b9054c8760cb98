"""The steps, each named after its revision; a step that has been released is never changed."""

__all__: list[str] = []
