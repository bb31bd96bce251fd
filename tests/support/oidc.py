"""A small OpenID provider: one button logs in; codes and tokens are as OpenID Connect Core says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

CLIENT, SECRET = "image-classifier", "the secret of the tests, of 32 bytes at least"


@contextmanager
def provider(redirect_uri: str) -> Iterator[str]:
    """Runs a provider that knows one client, and gives its address; only that address gets codes."""
    codes: dict[str, dict[str, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if path == "/.well-known/openid-configuration":
                self.answer(200, json.dumps(_configuration(address)), "application/json")
            elif path == "/jwks":
                self.answer(200, '{"keys": []}', "application/json")
            elif path == "/authorize" and (query["client_id"], query["redirect_uri"]) == (CLIENT, redirect_uri):
                fields = "".join(
                    f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in query.items()
                )
                self.answer(200, f'<title>Login</title><form method="post">{fields}<button>Log in</button></form>')
            else:
                self.answer(404, "")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = dict(parse_qsl(body))
            if self.path.startswith("/authorize"):
                code = secrets.token_urlsafe()
                codes[code] = fields
                there = {"code": code, "state": fields["state"]}
                self.answer(303, "", Location=f"{redirect_uri}?{urlencode(there)}")
                return
            asked = codes.pop(fields["code"])
            challenge = _base64(hashlib.sha256(fields["code_verifier"].encode()).digest())
            assert challenge == asked["code_challenge"]
            basic = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            assert unquote(basic.replace("+", " ")) == f"{CLIENT}:{SECRET}"
            token = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 3600}
            token["id_token"] = _signed(
                {
                    "iss": address,
                    "sub": "somebody",
                    "aud": CLIENT,
                    "nonce": asked["nonce"],
                    "iat": int(time.time()),
                    "exp": int(time.time()) + 600,
                }
            )
            self.answer(200, json.dumps(token), "application/json")

        def answer(self, status: int, body: str, kind: str = "text/html", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address
        server.shutdown()


def _configuration(address: str) -> dict[str, object]:
    return {
        "issuer": address,
        "authorization_endpoint": f"{address}/authorize",
        "token_endpoint": f"{address}/token",
        "jwks_uri": f"{address}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }


def _signed(claims: dict[str, object]) -> str:
    signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_base64(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
