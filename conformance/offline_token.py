"""For pytest's -p: sigstore-conformance asks the network for an identity token before every test, even where nothing is
signed. This answers with a token of the same shape that no service takes."""

import base64
import json
import time

import urllib3


class _Answer:
    def __init__(self, data: bytes) -> None:
        self.data = data


def _part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _request(*_args, **_kwargs) -> _Answer:
    claims = {"email": "nobody@example.invalid", "iss": "https://example.invalid", "exp": int(time.time()) + 3600}
    return _Answer(f"{_part({'alg': 'none'})}.{_part(claims)}.".encode())


urllib3.request = _request
