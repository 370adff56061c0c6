"""Finding and reaching a Ray cluster, and what to say where that fails."""

from __future__ import annotations

import os
import socket


class Refused(Exception):
    """Something that the host is told, and that ends the driver."""

    def __init__(self, kind: str, message: str) -> None:
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
            "no-cluster",
            "no Ray cluster is running on this machine, and RAY_ADDRESS names none elsewhere; start one (ray start "
            "--head), set RAY_ADDRESS, or use Cluster::ray_local, which starts one of its own",
        )
    return str(found)


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused("address", f'the address is "{address}", but must be HOST:PORT, as `ray start --head` prints it')
    return host, int(port)


def reach(address: str) -> None:
    """Ray itself would try for minutes."""
    try:
        socket.create_connection(split(address), timeout=5).close()
    except OSError as error:
        raise Refused(
            "nothing-listens",
            f"nothing answers at {address} ({error}); see that a head runs there (ray start --head --port=...), that "
            "the port is the one that it printed, and that no firewall is between",
        ) from error


def explain(error: Exception, address: str) -> Refused:
    """What Ray said of a cluster that it did not join."""
    said = " ".join(str(error).split())
    if "ersion mismatch" in said:
        return Refused(
            "version",
            f"the cluster at {address} has other versions than this lab: {said}; install the same Ray and Python on "
            "all nodes (requirements.txt says which), or in .venv those of the cluster",
        )
    if any(word in said.lower() for word in ("token", "unauthenticated", "authentication", "failed to connect")):
        # Ray does not tell a refused token from other reasons; that something listens is known by now.
        return Refused(
            "token",
            f"what listens at {address} did not let the lab in ({said[:300]}): either the token is not the "
            "cluster's, or it is no Ray head; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH "
            "(or RAY_AUTH_TOKEN) to the cluster's before the notebook starts",
        )
    return Refused("cluster", f"the cluster at {address} was not joined: {type(error).__name__}: {said[:500]}")
