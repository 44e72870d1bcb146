"""Small questions that tell whether a server is ready; each answers at once.

Belongs here: one function per kind of server.
Keep out: waiting, retrying, and who asks.
"""

import http.client
import socket
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
GRPC_HEALTH_OF_DAGSTER = b"\x0a\x0aDagsterApi"
"""A HealthCheckRequest for the service DagsterApi, in protobuf's bytes."""

GRPC_SERVING = b"\x08\x01"


def http_ok(url: str) -> bool:
    """Whether a GET answers 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def valkey(port: int, password: str) -> bool:
    """Whether Valkey takes the password and answers a ping."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(256)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def dagster_code(port: int) -> bool:
    """Whether the Dagster code server has loaded and serves."""
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return bool(check(GRPC_HEALTH_OF_DAGSTER, timeout=TIMEOUT_S) == GRPC_SERVING)
        except grpc.RpcError:
            return False
