"""From a request to its answer: who asks for what, which fault strikes, what is done, what is counted."""

from __future__ import annotations

import json
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import partial
from itertools import count
from time import gmtime
from typing import Any, cast

from leasehold.ports.clock import Clock
from leasehold.testing.sqs_server import keeping, receiving, sending
from leasehold.testing.sqs_server.account import Account
from leasehold.testing.sqs_server.calls import Call, Reply, Waiting
from leasehold.testing.sqs_server.control import Control
from leasehold.testing.sqs_server.errors import SqsError
from leasehold.testing.sqs_server.faults import FaultBook, Scope
from leasehold.testing.sqs_server.fields import Fields
from leasehold.testing.sqs_server.http import Answerer, Request, Response
from leasehold.testing.sqs_server.polls import Polls
from leasehold.testing.sqs_server.requests import Requests

PREFIX = "AmazonSQS."
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ACTIONS: dict[str, Callable[[Call], Reply | Waiting]] = {
    "ChangeMessageVisibility": receiving.change_message_visibility,
    "ChangeMessageVisibilityBatch": receiving.change_message_visibility_batch,
    "CreateQueue": keeping.create_queue,
    "DeleteMessage": receiving.delete_message,
    "DeleteMessageBatch": receiving.delete_message_batch,
    "DeleteQueue": keeping.delete_queue,
    "GetQueueAttributes": keeping.get_queue_attributes,
    "GetQueueUrl": keeping.get_queue_url,
    "ListQueueTags": keeping.list_queue_tags,
    "ListQueues": keeping.list_queues,
    "PurgeQueue": keeping.purge_queue,
    "ReceiveMessage": receiving.receive_message,
    "SendMessage": sending.send_message,
    "SendMessageBatch": sending.send_message_batch,
    "SetQueueAttributes": keeping.set_queue_attributes,
    "TagQueue": keeping.tag_queue,
    "UntagQueue": keeping.untag_queue,
}
LOST = {
    "SendMessage": ("lose_send", "lose_reply_send"),
    "SendMessageBatch": ("lose_send", "lose_reply_send"),
    "ReceiveMessage": (None, "lose_reply_receive"),
    "DeleteMessage": (None, "lose_reply_delete"),
    "DeleteMessageBatch": (None, "lose_reply_delete"),
    "ChangeMessageVisibility": (None, "lose_reply_change"),
    "ChangeMessageVisibilityBatch": (None, "lose_reply_change"),
}
"""The memory queue's faults that lose a request or its reply: on the wire the connection drops."""
REFUSALS = {
    "denied": ("AccessDenied", ""),
    "expired": ("ExpiredToken", "The security token included in the request is expired"),
    "unknown_key": ("InvalidClientTokenId", "The security token included in the request is invalid."),
    "wrong_region": ("SignatureDoesNotMatch", "Credential should be scoped to a valid region."),
    "throttle": ("RequestThrottled", "Request is throttled."),
    "throttling_exception": ("ThrottlingException", "Rate exceeded"),
    "error_500": ("InternalFailure", "We encountered an internal error. Please try again."),
    "error_503": ("ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    "unavailable": ("ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
}
"""What a fault answers instead of acting."""


class Dropped(Exception):
    """The connection is to end without an answer."""


class Service:
    """All that one server answers, in the thread of its event loop."""

    def __init__(
        self, loop: AbstractEventLoop, account: Account, requests: Requests, faults: FaultBook, url: str
    ) -> None:
        self.polls = Polls(loop, account.clock)
        self._loop = loop
        self._account = account
        self._requests = requests
        self._faults = faults
        self._base = f"{url}/000000000000/"
        self._control = Control(account, self.polls, requests, faults)
        account.on_arrival = self.polls.wake

    def __call__(self, request: Request, answer: Answerer) -> Callable[[], None] | None:
        """Answer now or later."""
        if request.path.startswith("/_leasehold/"):
            answer(self._control(request))
            return None
        action = request.target.removeprefix(PREFIX)
        try:
            fields = _fields(request, action)
        except SqsError as error:
            answer(_refusal(error))
            return None
        scope = Scope(action, _queue_name(fields), request.key)
        return self._call(Call(self._account, self.polls, self._faults, fields, self._base, scope), answer)

    def _call(self, call: Call, answer: Answerer) -> Callable[[], None] | None:
        self._faults.scope = call.scope
        finish = partial(self._finish, call, answer)
        try:
            self._strike(call)
            reply = ACTIONS[call.scope.action](call)
        except Dropped:
            return finish(None)
        except SqsError as error:
            return finish(_refusal(error))
        if isinstance(reply, Waiting):
            return self.polls.wait(reply.queue, reply.poll(lambda later: finish(_response(later))))
        finish(_response(reply))
        if (arrived := self._account.queues.get(call.scope.queue)) is not None and arrived.polls:
            self.polls.wake(arrived)
        return None

    def _strike(self, call: Call) -> None:
        """Let what strikes before the act strike."""
        faults = self._faults
        if not faults:
            return
        for fault, (kind, message) in REFUSALS.items():
            if faults.strikes(fault):
                raise SqsError(kind, message or _denied(call))
        lose_request, _ = LOST.get(call.scope.action, (None, None))
        if faults.strikes("drop_before") or (lose_request is not None and faults.strikes(lose_request)):
            raise Dropped

    def _finish(self, call: Call, answer: Answerer, response: Response | None) -> None:
        """Count, let what strikes after the act strike, and answer."""
        faults, scope = self._faults, call.scope
        slow = None
        if faults:
            faults.scope = scope
            _, lose_reply = LOST.get(scope.action, (None, None))
            if response is not None and response.status == 200:
                lost = faults.strikes("drop_after") or (lose_reply is not None and faults.strikes(lose_reply))
                response = None if lost else response
            slow = faults.struck("slow")
        failed = response is None or response.status != 200
        self._requests.add(scope.action, scope.queue, size=call.size, empty=call.empty, failed=failed)
        if slow is None:
            answer(response)
        else:
            self._loop.call_later(slow.ms / 1_000, answer, response)


def _fields(request: Request, action: str) -> Fields:
    if request.method != "POST" or action not in ACTIONS or not request.target.startswith(PREFIX):
        raise SqsError("InvalidAction", f"The action {request.target or request.path} is not one of this server's.")
    try:
        fields: object = json.loads(request.body or b"{}")
    except ValueError as error:
        raise SqsError("MalformedInput", f"The body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise SqsError("MalformedInput", "The body is not a JSON object.")
    return cast("dict[str, Any]", fields)


def _queue_name(fields: Fields) -> str:
    return str(fields.get("QueueUrl") or fields.get("QueueName") or "").rpartition("/")[2]


def _response(reply: Reply) -> Response:
    return Response(json.dumps(reply, separators=(",", ":")).encode() if reply else b"{}")


def _refusal(error: SqsError) -> Response:
    shape = error.shape
    body = json.dumps({"__type": shape.type, "message": error.message}).encode()
    return Response(body, shape.status, f"x-amzn-query-error: {shape.code};{shape.fault}\r\n")


def _denied(call: Call) -> str:
    action = call.scope.action.removesuffix("Batch").lower()
    return (
        f"User: arn:aws:iam::000000000000:user/{call.scope.key} is not authorized to perform: sqs:{action} "
        f"on resource: {call.account.arn(call.scope.queue)} "
        f"because no identity-based policy allows the sqs:{action} action"
    )


class Stamper:
    """Writes the headers that every answer has: ``Date`` from the server's clock, and a request id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._second = -1
        self._date = ""

    def __call__(self) -> str:
        """``Date`` and request id, each with its line end."""
        second = self._clock.now() // 1_000
        if second != self._second:
            self._second, self._date = second, _date(second)
        return f"Date: {self._date}\r\nx-amzn-RequestId: 00000000-0000-4000-8000-{next(self._numbers):012x}\r\n"


def _date(second: int) -> str:
    year, month, day, hour, minute, second, weekday, *_ = gmtime(second)
    return f"{DAYS[weekday]}, {day:02} {MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"
