"""A network camera: H.264 over RTSP, for whoever knows the password. Run by the Python that Debian's GStreamer is for.

Arguments: port, user, password. It says "sending" once it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")

from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = (
    "videotestsrc is-live=true pattern=white ! video/x-raw,width=64,height=48,framerate=20/1 ! "
    "x264enc tune=zerolatency key-int-max=10 ! rtph264pay name=pay0 config-interval=1 pt=96"
)


def main(port: str, user: str, password: str) -> None:
    Gst.init(None)
    guest = GstRtspServer.RTSPToken()
    guest.set_string("media.factory.role", "guest")
    guard = GstRtspServer.RTSPAuth()
    guard.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), guest)
    allowed = GstRtspServer.RTSPPermissions()
    for what in ("access", "construct"):
        allowed.add_permission_for_role("guest", f"media.factory.{what}", True)
    pictures = GstRtspServer.RTSPMediaFactory()
    pictures.set_launch(f"( {PICTURES} )")
    pictures.set_shared(True)
    pictures.set_permissions(allowed)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.set_auth(guard)
    server.get_mount_points().add_factory("/line7", pictures)
    server.attach(None)
    print("sending", flush=True)
    GLib.MainLoop().run()


main(*sys.argv[1:])
