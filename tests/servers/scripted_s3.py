"""An S3 endpoint on this machine that answers every request as a test says: refusals that no free server shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class Script:
    """What it answers, and what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = ""
        self.headers: Mapping[str, str] = {}
        self.silent = False
        """Whether it says nothing until the end."""
        self.over = Event()
        self.asked: list[tuple[str, str]] = []
        """Method and path with query."""
        self.keys_used: list[str] = []
        """The access key that signed each request."""

    def refuse(self, status: int, code: str, message: str = "", more: str = "") -> None:
        """As S3 does from now on."""
        said = f"<Code>{code}</Code><Message>{message}</Message>{more}"
        self.answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{said}<RequestId>1</RequestId></Error>')

    def answer(self, status: int, body: str = "", **headers: str) -> None:
        """This, from now on."""
        self.status, self.body, self.headers = status, body, headers


@contextmanager
def scripted_s3() -> Iterator[tuple[str, Script]]:
    """Its address and its script."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has there
            """Not on the screen."""

        def any_method(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            script.asked.append((self.command, self.path))
            script.keys_used.append(self.headers.get("authorization", "=/").split("=")[1].split("/")[0])
            if script.silent:
                script.over.wait()
                return
            body = script.body.encode()
            self.send_response(script.status)
            for name, value in script.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = any_method  # noqa: N815 - as the base class spells them

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", script
    finally:
        script.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
