"""What makes boto3 talk to a server on this machine and to nothing else: its own settings, nothing of ours."""

from __future__ import annotations

from pathlib import Path

REGION = "eu-central-1"


def environment(address: str, folder: Path) -> dict[str, str]:
    """Environment for processes that use AWS. ``folder`` is where no AWS configuration is."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
