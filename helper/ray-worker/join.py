"""Finding and reaching a Ray cluster, and what to say where that fails."""

from __future__ import annotations

import os
import socket

HEAD = "the address of its head, HOST:PORT, as `ray start --head` prints it (the port is 6379 unless told otherwise)"


class Refused(Exception):
    """A message for the host, which ends the driver."""

    def __init__(self, message: str, kind: str = "cluster") -> None:
        super().__init__(message)
        self.kind = kind


def find(address: str) -> str:
    """The address of the head, where `auto` was asked for."""
    if address != "auto":
        return address
    if named := os.environ.get("RAY_ADDRESS"):
        return named
    from ray._private import services

    found = services.get_ray_address_from_environment("auto", None)
    if not found:
        raise Refused(
            "no Ray cluster is running on this machine, and RAY_ADDRESS names none elsewhere; start one (ray start "
            "--head), set RAY_ADDRESS, or use Cluster::ray_local, which starts one of its own"
        )
    return str(found)


def split(address: str) -> tuple[str, int]:
    if address.startswith(("http://", "https://")):
        raise Refused(
            f"{address} is the address of a cluster's dashboard, where jobs are sent (./scripts/ray-job); to join the "
            f"cluster, give {HEAD}"
        )
    if address.startswith("ray://"):
        raise Refused(f"{address} is the address of a cluster's Ray Client server; to join the cluster, give {HEAD}")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused(f'the address is "{address}", but must be HOST:PORT, as `ray start --head` prints it')
    return host, int(port)


def reach(address: str) -> None:
    """Sees what listens: Ray itself would try for minutes."""
    try:
        with socket.create_connection(split(address), timeout=5) as connection:
            page = is_page(connection)
    except OSError as error:
        raise Refused(
            f"nothing answers at {address} ({error}); see that a head runs there (ray start --head --port=...), that "
            "the port is the one that it printed, and that no firewall is between"
        ) from error
    if page:
        raise Refused(f"what listens at {address} is a web server, such as a cluster's dashboard; give {HEAD}")


def is_page(connection: socket.socket) -> bool:
    """A head does not answer in HTTP 1."""
    try:
        connection.settimeout(1)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(7) == b"HTTP/1."
    except OSError:
        return False


def explain(error: Exception, address: str) -> Refused:
    """Why Ray did not join a cluster that answers."""
    said = " ".join(str(error).split())
    if "ersion mismatch" in said:
        return Refused(
            f"the cluster at {address} has other versions than this lab: {said}; install the same Ray and Python on "
            "all nodes (requirements-ray.txt says which), or in .venv those of the cluster"
        )
    if any(word in said.lower() for word in ("token", "unauthenticated", "authentication", "failed to connect")):
        # Ray tells no difference between these causes.
        return Refused(
            f"what listens at {address} did not let the lab in ({said[:300]}): the token is not the cluster's, or no "
            "node of the cluster runs on this machine, or it is no Ray head; set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH (or RAY_AUTH_TOKEN) to the cluster's before the notebook starts, or make this machine "
            f"a node: ray start --address={address} --num-cpus=0"
        )
    return Refused(f"the cluster at {address} was not joined: {type(error).__name__}: {said[:500]}")
