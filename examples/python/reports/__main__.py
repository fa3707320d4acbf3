"""Two endpoints, with what is in every Python: /health and /reports."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from report import reports


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer("text/plain", "OK\n")
        elif self.path == "/reports":
            self.answer("application/json", json.dumps(reports()) + "\n")
        else:
            self.send_error(404)

    def answer(self, kind, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
