"""Show in any browser what the camera sees and what the model says of it: http://raspberrypi.local:8000

python live_camera.py flowers.edgetl camera:auto 8000    # whoever reaches the port sees the pictures
"""

import contextlib
import io
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from PIL import Image, ImageDraw

import edgetl
from edgetl import contract, images

BEGIN = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n"
bundle, source, port = sys.argv[1:] if len(sys.argv) == 4 else sys.exit(__doc__)
newest, view = b"", contract.Contract(height=480, width=640)


class Viewer(BaseHTTPRequestHandler):  # noqa: D101
    def do_GET(self):  # noqa: D102
        with contextlib.suppress(ConnectionError):  # how a viewer leaves
            self.wfile.write(BEGIN)
            while newest:
                self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\n\r\n" + newest + b"\r\n")
                time.sleep(0.1)


Thread(target=ThreadingHTTPServer(("", int(port)), Viewer).serve_forever, daemon=True).start()
with edgetl.load(bundle) as model, contextlib.suppress(KeyboardInterrupt):
    for seen in model.stream(source, smooth=3):
        picture = Image.fromarray(images.decode(seen.frame.picture, view))
        said = "\n".join(f"{100 * score:3.0f} %  {label}" for label, score in seen.result.top(3))
        colour = "orange" if seen.result.unknown else "lime"
        ImageDraw.Draw(picture).text((9, 9), said, colour, font_size=24, stroke_width=3, stroke_fill="black")
        picture.save(jpeg := io.BytesIO(), "JPEG")
        newest = jpeg.getvalue()
