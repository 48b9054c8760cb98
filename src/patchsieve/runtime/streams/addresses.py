"""Addresses of cameras and streams: what is opened, and what may be shown of it."""

import os
from urllib.parse import quote, urlsplit

from patchsieve.errors import ConfigError

CAMERA = "camera:"
USER_VARIABLE = "PATCHSIEVE_CAMERA_USER"
PASSWORD_VARIABLE = "PATCHSIEVE_CAMERA_PASSWORD"


def without_password(address: str) -> str:
    """Return an address that can be shown."""
    parts = urlsplit(address)
    if parts.username is None:
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def label_of(address: str) -> str:
    """Return a name for an address that can be a folder's: "camera-0", "10.0.0.7-stream1"."""
    shown = without_password(address).split("://")[-1].split("?")[0]
    return "".join(
        character if character.isalnum() or character in ".-_" else "-" for character in shown
    ).strip("-.")


def device_of(address: str) -> int | str:
    """Return what OpenCV opens: a camera's number, or a URL with user and password.

    Raises:
        ConfigError: the address is none.
    """
    if not address.startswith(CAMERA):
        return _with_password(address)
    number = address.removeprefix(CAMERA)
    if not number.isdecimal():
        raise ConfigError(f"{address} names no camera: give a number such as camera:0")
    return int(number)


def _with_password(address: str) -> str:
    user, parts = os.environ.get(USER_VARIABLE), urlsplit(address)
    if user is None or parts.username is not None:
        return address
    secret = f"{quote(user, safe='')}:{quote(os.environ.get(PASSWORD_VARIABLE, ''), safe='')}"
    return parts._replace(netloc=f"{secret}@{parts.netloc}").geturl()
