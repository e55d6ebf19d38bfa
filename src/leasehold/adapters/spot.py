"""What EC2 says of the machine that a worker runs on: which it is, and when it will be taken away. IMDSv2 only.

Paths, header fields and answers: Amazon EC2 User Guide, "Use the Instance Metadata Service to access metadata", "Spot
Instance interruption notices", "EC2 instance rebalance recommendations"; Amazon EC2 Auto Scaling User Guide, "Retrieve
the target lifecycle state through instance metadata". Endpoint and off switch are those of boto3.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from leasehold.core.errors import BadSettings
from leasehold.core.units import MINUTE, SECOND
from leasehold.core.wire import ecs_machine
from leasehold.ports.clock import Clock
from leasehold.ports.notices import Notice

log = logging.getLogger("leasehold.spot")

PATIENCE = 1.0
"""s that one request may take: the metadata service is on the machine itself."""

LARGEST = 16 * 1024
"""Bytes of an answer that are read."""

TOKEN_TTL = 6 * 60 * 60
"""s that a token is asked for: the most there is."""

LONGEST_NOTICE = 2 * MINUTE
NOT_FOUND, UNAUTHORIZED, OK = 404, 401, 200
ENDPOINT, ENDPOINT_IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
INSTANCE = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)
DMI = ("sys_vendor", "bios_vendor", "bios_version", "product_version")
"""Where the firmware names who made the machine: Nitro says "Amazon EC2", Xen a version such as "4.11.amazon"."""
CONTAINERS = ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI")
"""Where one of these is set, whoever runs the container says TERM."""


class Metadata:
    """The instance metadata service. ``get`` raises ``OSError`` where it does not answer as it should."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme != "http" or parts.hostname is None:
            raise BadSettings(
                f"AWS_EC2_METADATA_SERVICE_ENDPOINT is {endpoint!r}: it must begin with http:// and name a host, such "
                f"as {ENDPOINT}"
            )
        self._host, self._port, self._base = parts.hostname, parts.port or 80, parts.path.rstrip("/")
        self._token: str | None = None

    def get(self, path: str) -> str | None:
        """What stands there; ``None`` where there is nothing."""
        if self._token is None:
            self._token = self._new_token()
        status, text = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == UNAUTHORIZED:  # it has expired, or the machine was moved
            self._token = self._new_token()
            status, text = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == NOT_FOUND:
            return None
        if status != OK:
            raise OSError(f"it answers GET {path} with status {status}")
        return text

    def _new_token(self) -> str:
        self._token = None
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL)}
        status, text = self._ask("PUT", "/latest/api/token", ttl)
        if status != OK or not re.fullmatch(r"[!-~]{1,512}", text):
            raise OSError(f"it gives no token (status {status})")
        return text

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(self._host, self._port, timeout=PATIENCE)
        try:
            connection.request(method, self._base + path, headers={**headers, "Content-Length": "0"})
            reply = connection.getresponse()
            return reply.status, reply.read(LARGEST).decode("utf-8", "replace").strip()
        except HTTPException as error:
            raise OSError(f"it does not speak HTTP ({type(error).__name__})") from error
        finally:
            connection.close()


class SpotNotices:
    """Looks for an interruption, a termination by the scaling group and, if wanted, a rebalance recommendation."""

    def __init__(self, metadata: Metadata, clock: Clock, *, rebalance: bool = False) -> None:
        self._metadata = metadata
        self._clock = clock
        self._rebalance = rebalance
        self._silent = False
        self._recommended = False

    def look(self) -> Notice | None:
        """The notice, if there is one. What cannot be asked is said in the log once, until it answers again."""
        try:
            notice = self._interruption() or self._termination() or self._recommendation()
        except OSError as error:
            self._complain(error)
            return None
        self._silent = False
        return notice

    def _interruption(self) -> Notice | None:
        text = self._metadata.get("/latest/meta-data/spot/instance-action")
        if text is None:
            return None
        action, instant = action_of(text)
        if action == "hibernate":  # it begins at once
            return Notice("a spot interruption notice: hibernate", 0)
        left = None if instant is None else max(0, min(instant - self._clock.now(), LONGEST_NOTICE))
        return Notice(f"a spot interruption notice: {action}", left)

    def _termination(self) -> Notice | None:
        state = self._metadata.get("/latest/meta-data/autoscaling/target-lifecycle-state")
        if state in {"Terminated", "Warmed:Terminated"}:
            return Notice("its scaling group terminates this machine")
        return None

    def _recommendation(self) -> Notice | None:
        if self._recommended or self._metadata.get("/latest/meta-data/events/recommendations/rebalance") is None:
            return None
        if self._rebalance:
            return Notice("a rebalance recommendation")
        self._recommended = True
        log.info("EC2 recommends to leave this machine; LEASEHOLD_SPOT_REBALANCE=drain would drain the worker now")
        return None

    def _complain(self, error: OSError) -> None:
        if self._silent:
            return
        self._silent = True
        log.warning(
            "the instance metadata cannot be read, so no notice of this machine's end will be heard: %s. In a "
            "container on EC2, its answers may not get through: raise the hop limit (aws ec2 "
            "modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ID), or set "
            "LEASEHOLD_SPOT_NOTICES=off",
            error,
        )


def action_of(text: str) -> tuple[str, int | None]:
    """What EC2 will do and when (ms since the epoch), as far as it can be understood: it comes in any case."""
    try:
        said: object = json.loads(text)
    except ValueError:
        return "unknown", None
    if not isinstance(said, dict):
        return "unknown", None
    given = cast("dict[str, object]", said)
    action, time = given.get("action"), given.get("time")
    known = action if action in {"terminate", "stop", "hibernate"} else "unknown"
    try:
        instant = int(datetime.fromisoformat(str(time)).timestamp() * SECOND)
    except (ValueError, OverflowError):
        instant = None
    return str(known), instant


# ------------------------------------------------------------------------------------------------------ where this is


def metadata_of(setting: str, environ: Mapping[str, str], root: Path = Path("/")) -> Metadata | None:
    """The metadata service to be asked; ``None`` where none is. Nothing is asked here, and nothing can take long."""
    if setting == "off" or environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    if setting == "auto" and (any(map(environ.get, CONTAINERS)) or not on_ec2(root)):
        return None
    ipv6 = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    return Metadata(environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or (ENDPOINT_IPV6 if ipv6 else ENDPOINT))


def on_ec2(root: Path = Path("/")) -> bool:
    """Whether the firmware says that this is a machine of EC2 (EC2 User Guide, "Identify EC2 instances")."""
    firmware = [read(root / "sys/class/dmi/id" / name).lower() for name in DMI]
    return any("amazon" in text for text in firmware) or read(root / "sys/hypervisor/uuid").lower().startswith("ec2")


def machine(metadata: Metadata | None, environ: Mapping[str, str], root: Path = Path("/")) -> str | None:
    """What the platform's events call this machine, an instance or a container task; ``None`` where nobody knows."""
    uri = environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if uri:
        return container_task(uri)
    found = None
    if metadata is not None:
        try:
            found = metadata.get("/latest/meta-data/instance-id")
        except OSError:
            found = None
    found = found or (read(root / "sys/class/dmi/id/board_asset_tag") if on_ec2(root) else "")
    return found if INSTANCE.fullmatch(found) else None


def container_task(uri: str) -> str | None:
    """The task that this container belongs to (ECS Developer Guide, "Task metadata endpoint version 4")."""
    parts = urlsplit(f"{uri}/task")
    if parts.scheme != "http" or parts.hostname is None:
        return None
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path)
        said: object = json.loads(connection.getresponse().read(LARGEST * 64))
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    arn = cast("dict[str, object]", said).get("TaskARN") if isinstance(said, dict) else None
    return ecs_machine(arn) if isinstance(arn, str) else None


def read(path: Path) -> str:
    """A short file; empty where it cannot be read."""
    try:
        return path.read_text("ascii", "replace")[:256].strip()
    except OSError:
        return ""
