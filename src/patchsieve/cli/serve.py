"""`patchsieve serve`: the station, a web service for the people and the machines at the line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from patchsieve.cli.cluster import Address, WorkEngine, joined, require_fitting
from patchsieve.cli.console import say
from patchsieve.cli.formats import Device, Engine
from patchsieve.errors import PatchSieveError

if TYPE_CHECKING:
    from patchsieve.station import StationSettings

_MEGA = 10**6
_GIGA = 10**9
# One goes on scoring while another is started anew.
_REPLICAS = 2


def serve(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Model files; each is served as the line that is named after it."),
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder for the database, the models and the images.")] = Path(
        "station"
    ),
    database: Annotated[
        str | None,
        typer.Option(
            envvar="PATCHSIEVE_DATABASE",
            help="postgresql://user:password@host/name instead of SQLite in the folder.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 is all of them.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen at; 0 for any that is free.", min=0, max=65535)
    ] = 8420,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A further name that the station is reached by.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of a reverse proxy whose word about clients counts, such as 127.0.0.1."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds a token of the API with all rights.")
    ] = None,
    language: Annotated[
        Literal["en", "zh"], typer.Option(help="Of pages, where the browser asks for none of them.")
    ] = "en",
    max_body: Annotated[float, typer.Option(help="Most megabytes of a request.", min=0.001)] = 67.0,
    max_pixels: Annotated[float, typer.Option(help="Most megapixels of an image.", min=0.001)] = 64.0,
    max_images: Annotated[int, typer.Option(help="Most images of a batch.", min=1)] = 64,
    queue: Annotated[
        int, typer.Option(help="Images that may wait; beyond it clients are sent away.", min=1)
    ] = 256,
    batch: Annotated[int, typer.Option(help="Images that a model takes at once.", min=1)] = 8,
    max_wait: Annotated[
        float, typer.Option(help="Milliseconds that an image waits for others to join it.", min=0)
    ] = 20.0,
    keep_days: Annotated[
        float | None, typer.Option(help="Days until inspections that nobody has judged go.", min=0.001)
    ] = None,
    keep_gigabytes: Annotated[
        float | None,
        typer.Option(
            help="Space of images and maps; beyond it the oldest that nobody has judged go.", min=0.001
        ),
    ] = None,
    device: Device = "auto",
    engine: WorkEngine = Engine.local,
    address: Address = None,
    replicas: Annotated[
        int | None,
        typer.Option(help="Processes of the cluster that score for all lines; default: 2.", min=1),
    ] = None,
) -> None:
    """Serve models to people, with pages, and to machines, with a REST API under /api/v1."""
    require_fitting(engine, address)
    if engine is not Engine.ray and replicas is not None:
        raise typer.BadParameter(
            "only a cluster has replicas: give --engine ray, too", param_hint="--replicas"
        )

    from patchsieve.station import StationSettings

    settings = StationSettings.model_validate(
        {
            "data_dir": data,
            "database_url": database,
            "models": tuple(models or ()),
            "host": host,
            "host_names": tuple(host_name or ()),
            "port": port,
            "trusted_proxies": tuple(trusted_proxy or ()),
            "token": _token(token_file),
            "device": device,
            "max_body_bytes": round(max_body * _MEGA),
            "max_pixels": round(max_pixels * _MEGA),
            "max_images": max_images,
            "queue_size": queue,
            "batch_size": batch,
            "max_wait_seconds": max_wait / 1000,
            "keep_days": keep_days,
            "keep_bytes": None if keep_gigabytes is None else round(keep_gigabytes * _GIGA),
            "language": language,
        }
    )
    _serve(settings, engine, address, replicas or _REPLICAS)


def _serve(settings: "StationSettings", engine: Engine, cluster: str | None, replicas: int) -> None:
    """Serve with models that score in this process, or in replicas on the cluster at an address."""
    from patchsieve.station.serving import serve as serve_station

    def tell(address: str) -> None:
        say(f"the station is at {address}; Ctrl+C stops it")

    if engine is Engine.local:
        serve_station(settings, tell=tell)
        return
    with joined(cluster):
        from patchsieve.scaleout.serving import scoring_replicas

        serve_station(settings, tell=tell, scoring=scoring_replicas(settings, replicas))


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise PatchSieveError(f"cannot read the token in {path}: {reason}") from error
    if not token:
        raise PatchSieveError(
            f"there is no token in {path}: write one into it, such as that of openssl rand -hex 32"
        )
    return token
