"""How many tasks may share a message, and how many do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("bundle", "members"):
        op.add_column("tasks", sa.Column(name, sa.Integer(), server_default=sa.text("1"), nullable=False))
