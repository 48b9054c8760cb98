"""How one station is set up."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_MEBIBYTE = 2**20


class StationSettings(BaseModel):
    """All that can be set of a station; `patchsieve serve` has an option for each.

    Attributes:
        data_dir: folder of the database, the models, the images and the maps.
        database_url: None for SQLite in `data_dir`; else ``postgresql://user:password@host/name``.
        models: model files to serve, each as the newest version of the line that is named after the file.
        host: address to listen at.
        port: port to listen at.
        host_names: further names that the station is called by, such as a reverse proxy's; on a loopback address (and
            elsewhere once any is given) requests with other names are refused.
        trusted_proxies: addresses of reverse proxies whose word about the client's address and scheme counts.
        token: an API token that counts as an engineer's, beside those in the database.
        device: where models run, as for `patchsieve.load`.
        max_body_bytes: of one request, whether it says its length or not.
        max_pixels: of one image.
        max_images: of one batch.
        queue_size: images that may wait for a model; beyond it the answer is 429.
        batch_size: images that a model takes at once.
        max_wait_seconds: how long the first image of a batch waits for others to join it.
        keep_days: age at which inspections that nobody has judged go; None to keep them for ever.
        keep_bytes: space that images and maps may take, the oldest that nobody has judged go first; None for all.
        language: of the pages where neither the page nor the browser asks for one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Path("station")
    database_url: str | None = None
    models: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    host_names: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    token: SecretStr | None = None
    device: str = "auto"
    max_body_bytes: int = Field(default=64 * _MEBIBYTE, gt=0)
    max_pixels: int = Field(default=64_000_000, gt=0)
    max_images: int = Field(default=64, gt=0)
    queue_size: int = Field(default=256, gt=0)
    batch_size: int = Field(default=8, gt=0)
    max_wait_seconds: float = Field(default=0.02, ge=0)
    keep_days: float | None = Field(default=None, gt=0)
    keep_bytes: int | None = Field(default=None, gt=0)
    language: Literal["en", "zh"] = "en"
