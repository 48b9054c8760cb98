"""The templates of HTML pages: all text escaped, and a name that is missing is an error."""

from functools import cache

import jinja2


@cache
def page_template(name: str) -> jinja2.Template:
    """Return a template of this room by its file name."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("patchsieve.pictures"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = _duration
    return environment.get_template(name)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
