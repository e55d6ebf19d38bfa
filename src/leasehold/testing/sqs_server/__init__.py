"""A server that speaks SQS's protocol on this machine, with seeded faults and an exact counter, for tests.

::

    with SqsServer() as server:
        sqs = boto3.client("sqs", endpoint_url=server.url)
"""

from leasehold.testing.sqs_server.faults import KINDS, Fault, FaultBook
from leasehold.testing.sqs_server.process import SqsServerProcess
from leasehold.testing.sqs_server.requests import Requests, Tally
from leasehold.testing.sqs_server.server import SqsServer

__all__ = ["KINDS", "Fault", "FaultBook", "Requests", "SqsServer", "SqsServerProcess", "Tally"]
