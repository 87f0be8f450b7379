"""As much of FastCGI as a web server needs for one request (fastcgi-spec, 3 and 6)."""
from __future__ import annotations

import socket
import struct

BEGIN, PARAMS, STDIN, STDOUT = 1, 4, 5, 6


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(data), 0, 0) + data


def _pair(name: str, value: str) -> bytes:
    return struct.pack(">II", len(name) | 1 << 31, len(value) | 1 << 31) + name.encode() + value.encode()


def request(path: str, script: str, body: bytes = b"", kind: str = "") -> str:
    """The body of what `script` answers to a POST of `body` through the socket at `path`."""
    params = {"SCRIPT_FILENAME": script, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)),
              "CONTENT_TYPE": kind, "SCRIPT_NAME": "/x.php"}
    data = _record(BEGIN, struct.pack(">HB5x", 1, 0))
    data += _record(PARAMS, b"".join(_pair(*each) for each in params.items())) + _record(PARAMS, b"")
    data += (_record(STDIN, body) if body else b"") + _record(STDIN, b"")
    answer = b""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(20)
        link.connect(path)
        link.sendall(data)
        while piece := link.recv(65536):
            answer += piece
    text = b""
    while len(answer) >= 8:
        _, kind_, _, size, padding, _ = struct.unpack(">BBHHBB", answer[:8])
        text += answer[8:8 + size] if kind_ == STDOUT else b""
        answer = answer[8 + size + padding:]
    return text.partition(b"\r\n\r\n")[2].decode()
