"""Finding a Ray cluster, asking its head for the nodes, and what to say where that fails."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = "the address of its head, HOST:PORT, as `ray start --head` prints it (the port is 6379 unless told otherwise)"
TOKEN = (
    "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH (or RAY_AUTH_TOKEN) to the cluster's before JupyterLab or the "
    "program starts"
)
# Seconds that a connection may take, and an answer of the head.
PATIENCE = 4.0


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
    """Sees what listens: Ray itself would try for a minute, and then name no reason."""
    try:
        with socket.create_connection(split(address), timeout=PATIENCE) as connection:
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


@dataclass(frozen=True)
class Node:
    """A node of a cluster, as the head knows it."""

    id: str
    ip: str
    # Where its raylet listens.
    port: int
    # Its host's name.
    name: str
    cpus: int
    # Bytes of its object store.
    store: int
    # Through which processes of its machine speak with it.
    sockets: tuple[str, str]


class Head:
    """The head of a cluster, asked directly: a client of Ray's own waits for a minute for each answer."""

    def __init__(self, address: str) -> None:
        from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
        from ray._private.gcs_utils import create_gcs_channel
        from ray.core.generated import gcs_pb2, gcs_service_pb2, gcs_service_pb2_grpc

        # What is generated has no types.
        nodes: Any = gcs_pb2
        messages: Any = gcs_service_pb2
        services: Any = gcs_service_pb2_grpc
        # A token in the user's home is used, as `ray.init` does.
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        self.address = address
        self.service = services.NodeInfoGcsServiceStub(create_gcs_channel(address))
        self.request = messages.GetAllNodeInfoRequest(state_filter=nodes.GcsNodeInfo.ALIVE)

    def nodes(self) -> list[Node]:
        """The nodes that the head takes for alive. Raises `grpc.RpcError` where it does not answer."""
        return [node_of(info) for info in self.service.GetAllNodeInfo(self.request, timeout=PATIENCE).node_info_list]

    def ask(self) -> list[Node]:
        """The same, with a reason where it fails."""
        import grpc

        try:
            return self.nodes()
        except grpc.RpcError as error:
            raise self.reason(error.code(), str(error.details())) from error
        except Exception as error:
            # The token that the environment names cannot be read.
            raise Refused(f"the cluster at {self.address} was not asked: {plain(error)}; {TOKEN}") from error

    def reason(self, code: Any, details: str) -> Refused:
        import grpc
        from ray._private.authentication.authentication_utils import is_token_auth_enabled

        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            sent = "the token that was sent is not the cluster's" if is_token_auth_enabled() else "none was sent"
            return Refused(f"the cluster at {self.address} asks for a token, and {sent}; {TOKEN}")
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return Refused(f"what listens at {self.address} is no cluster's head, but another part of Ray; give {HEAD}")
        return Refused(f"what listens at {self.address} is no cluster's head ({code.name}: {details}); give {HEAD}")

    def is_node_here(self, nodes: list[Node]) -> None:
        """Refuses where this machine is no node: Ray itself would look for one for a minute."""
        import psutil
        from ray._private import services

        own = {address.address for all in psutil.net_if_addrs().values() for address in all}
        running = services.find_node_ids()  # type: ignore[no-untyped-call]
        local = [node for node in nodes if node.id in running]
        if any(all(Path(path).exists() for path in node.sockets) for node in local):
            return
        join = f"ray start --address={self.address} --num-cpus=0"
        if local or any(node.ip in own for node in nodes):
            raise Refused(
                f"the cluster at {self.address} has a node on this machine, but in another container: its processes or "
                f"its folder {Path((local or nodes)[0].sockets[0]).parent} cannot be seen from here; run the notebook "
                f"in the node's container, or make this container a node of its own that runs no tasks: {join}"
            )
        raise Refused(
            f"this machine, {socket.gethostname()}, is no node of the cluster at {self.address}, and Ray lets only "
            f"nodes join; make it one that runs no tasks: {join}"
        )


def node_of(info: Any) -> Node:
    return Node(
        id=info.node_id.hex(),
        ip=info.node_manager_address,
        port=info.node_manager_port,
        name=info.node_manager_hostname,
        # A node without CPUs has no such resource.
        cpus=int(info.resources_total.get("CPU", 0)),
        store=int(info.resources_total["object_store_memory"]),
        sockets=(info.raylet_socket_name, info.object_store_socket_name),
    )


def answers(node: Node) -> bool | None:
    """Whether the node's raylet listens; `None` where nothing comes back, not even a refusal."""
    try:
        with socket.create_connection((node.ip, node.port), timeout=2):
            return True
    except ConnectionRefusedError:
        return False
    except OSError:
        return None


def leave_files_of_job() -> None:
    """In a job: workers do not get the job's files, which they do not need.

    Each node would put them into the folder where this program lies if it is on the same machine.
    """
    if job := os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR"):
        os.environ["RAY_JOB_CONFIG_JSON_ENV_VAR"] = json.dumps({**json.loads(job), "runtime_env": {}})


def explain(error: Exception, address: str) -> Refused:
    """Why Ray did not join a cluster whose head answers."""
    said = plain(error)
    if "ersion mismatch" in said:
        return Refused(
            f"the cluster at {address} has other versions than this machine, {socket.gethostname()}: {said}; install "
            "the same Ray and Python on all nodes (scripts/requirements/ray.txt names them), or in .venv those of the "
            "cluster"
        )
    return Refused(f"the cluster at {address} was not joined: {said}")


def plain(error: BaseException) -> str:
    """The message of an error on one line, without the codes that colour a terminal."""
    import re

    said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    return f"{type(error).__name__}: {said[:500]}"
