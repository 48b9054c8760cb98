"""Messages by MQTT, at least once (QoS 1), through paho-mqtt."""

import os
import threading
from typing import Any
from urllib.parse import unquote, urlsplit

from patchsieve.errors import ConfigError
from patchsieve.runtime.streams.delivery import UnreachableError
from patchsieve.runtime.streams.spool import Message

USER_VARIABLE = "PATCHSIEVE_MQTT_USER"
PASSWORD_VARIABLE = "PATCHSIEVE_MQTT_PASSWORD"
CA_VARIABLE = "PATCHSIEVE_MQTT_CA"

_KEEPALIVE = 30


class MqttTopic:
    """A topic of a broker, spoken to with MQTT 3.1.1.

    User and password are taken from PATCHSIEVE_MQTT_USER and PATCHSIEVE_MQTT_PASSWORD. With ``mqtts://`` the connection
    is encrypted and the broker's certificate checked, against the file that PATCHSIEVE_MQTT_CA names or else the
    system's authorities.

    Args:
        url: ``mqtt://host[:1883]/topic`` or ``mqtts://host[:8883]/topic``.
        client: name by which the broker knows us.
        timeout: seconds to wait for the connection and for each receipt.

    Raises:
        ModuleNotFoundError: paho-mqtt is not installed.
        ConfigError: the URL names no host or no topic, or has a password in it, which everybody could read in the
            list of processes.
    """

    def __init__(self, url: str, client: str, timeout: float = 10.0) -> None:
        import paho.mqtt.client  # noqa: F401 - now, not when the first part is done

        parts = urlsplit(url)
        topic = unquote(parts.path[1:])
        if not parts.hostname or not topic:
            raise ConfigError(f"the sink {url} is not of the form mqtt://host:1883/topic")
        if parts.username or parts.password:
            raise ConfigError(
                f"the sink mqtt://...@{parts.hostname} has a password in it, which others can read in the list of "
                f"processes: leave it out and set the environment variables {USER_VARIABLE} and {PASSWORD_VARIABLE}"
            )
        if "+" in topic or "#" in topic:
            raise ConfigError(f"the topic {topic} has + or # in it, which are for those who listen")
        self.address = url
        self._host = parts.hostname
        self._encrypted = parts.scheme == "mqtts"
        self._port = parts.port or (8883 if self._encrypted else 1883)
        self._topic = topic
        self._name = client
        self._timeout = timeout
        self._client: Any | None = None

    def send(self, message: Message) -> None:
        """Publish one message and wait for the broker's receipt; see `Sink.send`."""
        try:
            client = self._client or self._connected()
            receipt = client.publish(self._topic, message.body, qos=1)
            receipt.wait_for_publish(self._timeout)
            received = receipt.is_published()
        except (OSError, RuntimeError, ValueError) as error:
            self.close()
            raise UnreachableError(f"it cannot be reached ({error})") from error
        if not received:
            self.close()
            raise UnreachableError(f"it gave no receipt in {self._timeout:.0f} s")

    def close(self) -> None:
        """Hang up; what has no receipt is sent anew after the next connection."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connected(self) -> Any:
        """Return a client that the broker has taken. Raises `OSError` or `UnreachableError`."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        answered = threading.Event()
        answers: list[Any] = []

        def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            answers.append(reason)
            answered.set()

        client = Client(CallbackAPIVersion.VERSION2, client_id=self._name)
        client.on_connect = on_connect
        client.connect_timeout = self._timeout
        if user := os.environ.get(USER_VARIABLE):
            client.username_pw_set(user, os.environ.get(PASSWORD_VARIABLE))
        if self._encrypted:
            client.tls_set(os.environ.get(CA_VARIABLE))
        client.connect(self._host, self._port, _KEEPALIVE)
        client.loop_start()
        self._client = client
        if not answered.wait(self._timeout):
            self.close()
            raise UnreachableError("it does not answer")
        if answers[0].is_failure:
            self.close()
            raise UnreachableError(f"it refuses the connection: {answers[0]}")
        return client
