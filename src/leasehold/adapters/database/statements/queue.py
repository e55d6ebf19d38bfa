"""What a queue asks of its table."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from leasehold.adapters.database.elements import each, each_of, each_row, text_column
from leasehold.adapters.database.queue_schema import queue_messages
from leasehold.core.units import CEILING

message = queue_messages.c
name = bindparam("name", type_=Text)
now = bindparam("now", type_=BigInteger)
here = message.queue == name
visible = message.visible_at <= now
ahead = message.visible_at >= bindparam("floor", type_=BigInteger)
"""Beyond what was received before: rows that are dead, and that a long transaction keeps, need not be walked past."""
hidden = message.visible_at > now


def ids() -> Select[int]:
    """The ids bound under ``ids``, as texts."""
    return select(cast(text_column("value"), BigInteger)).select_from(each_row("ids"))


listed = message.id.in_(ids())
receipt = cast(message.id, Text) + literal_column("'-'", Text) + cast(message.receives, Text)
held = listed & receipt.in_(each("receipts")) & here & hidden
"""Messages in flight by their newest receipts. The ids are given too: an index leads to an id, and to no receipt."""
received = and_(
    message.id == bindparam("id_"), message.receives == bindparam("receives_"), message.queue == bindparam("queue_")
)


def counted(condition: ColumnElement[bool]) -> Select[int]:
    """How many there are, up to a limit."""
    some = select(message.id).where(here, condition).limit(CEILING).subquery("some")
    return select(func.count()).select_from(some)


STATEMENTS: Mapping[str, Executable] = {
    "send": insert(queue_messages)
    .from_select(
        ["queue", "body", "sent_at", "visible_at", "receives"],
        select(name, text_column("value"), now, now, literal_column("0", Integer)).select_from(each_row("bodies")),
    )
    .returning(message.id),
    "next": select(func.min(message.visible_at)).where(here, ahead),
    "oldest": select(func.min(message.sent_at)).where(here),
    "front": select(message.id, message.body, message.receives, message.sent_at)
    .where(here, visible, ahead)
    .order_by(message.visible_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
    "hide": update(queue_messages)
    .where(listed)
    .values(visible_at=bindparam("until"), receives=message.receives + literal_column("1", Integer)),
    "bury": update(queue_messages).where(listed).values(queue=bindparam("dead_letters"), visible_at=now),
    "forget": delete(queue_messages).where(listed),
    "delete": each_of(delete(queue_messages).where(received), "id_", "receives_", "queue_"),
    "change": update(queue_messages).where(held).values(visible_at=bindparam("until")).returning(receipt),
    "visible": counted(visible),
    "in_flight": counted(hidden),
}
