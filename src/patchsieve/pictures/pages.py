"""The templates of HTML pages, this room's and the station's: text is escaped, and a missing name is an error."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


@cache
def page_template(name: str) -> "Template":
    """Return a template of this room by its file name."""
    environment = page_environment("patchsieve.pictures")
    environment.filters["duration"] = _duration
    return environment.get_template(name)


def page_environment(package: str) -> "Environment":
    """Return what makes pages of the templates of a package, which lie in its folder ``templates``."""
    import jinja2  # not all that draws makes pages

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # New templates belong to a new program: an upgrade on the disk does not change pages under its feet.
        auto_reload=False,
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
