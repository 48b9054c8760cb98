"""Messages by HTTP: each one a POST of JSON."""

import os
import urllib.error
import urllib.request
from email.message import Message as Headers
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from patchsieve.errors import ConfigError
from patchsieve.runtime.streams.delivery import RefusedError, UnreachableError
from patchsieve.runtime.streams.spool import Message

TOKEN_VARIABLE = "PATCHSIEVE_WEBHOOK_TOKEN"

_LONGEST_REQUEST = 3600.0
_TRY_AGAIN = (408, 425, 429)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    # urllib would follow with a GET, and the message would be lost at a page that says 200.
    def redirect_request(self, *_request: Any) -> None:
        return None


class Webhook:
    """A receiver that takes ``POST`` of ``application/json``.

    Each request has the header ``Idempotency-Key`` with the id of the part, the same however often it is sent. Where
    the environment variable PATCHSIEVE_WEBHOOK_TOKEN is set, it goes along as ``Authorization: Bearer``. Any status of
    200 to 299 means that the receiver has the message; 408, 425, 429 and those from 500 on, and no answer, that it is
    sent again; all others, redirects too, that it is set aside.

    Args:
        url: with http:// or https://.
        timeout: seconds to wait for the connection, and for each part of the answer.

    Raises:
        ConfigError: the URL has no host, or a password in it, which everybody could read in the list of processes.
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ConfigError(f"the sink {url} names no host: give a URL such as https://mes.plant/hook")
        if parts.username or parts.password:
            raise ConfigError(
                f"the sink https://...@{parts.hostname} has a password in it, which others can read in the list of "
                f"processes: leave it out and set the environment variable {TOKEN_VARIABLE}"
            )
        self.address = url
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def send(self, message: Message) -> None:
        """Post one message; see `Sink.send`."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            "User-Agent": "PatchSieve",
        }
        if token := os.environ.get(TOKEN_VARIABLE):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.address, message.body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            with error:
                reason = f"it answers {error.code} {error.reason}".rstrip()
                if error.code in _TRY_AGAIN or error.code >= 500:
                    raise UnreachableError(reason, _asked(error.headers)) from error
                raise RefusedError(reason) from error
        except urllib.error.URLError as error:
            raise UnreachableError(f"it cannot be reached ({error.reason})") from error
        except (OSError, HTTPException) as error:
            raise UnreachableError(f"it cannot be reached ({error or type(error).__name__})") from error

    def close(self) -> None:
        """Do nothing: each message has a connection of its own."""


def _asked(headers: Headers) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; its form with a date is left to our own pauses."""
    value = headers.get("Retry-After") or ""
    return min(float(value), _LONGEST_REQUEST) if value.isdecimal() else None
