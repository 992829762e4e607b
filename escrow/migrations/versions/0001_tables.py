"""Make all tables.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closing_at", sa.BigInteger(), nullable=True),
        sa.Column("totp_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("address_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
    )
    op.create_index("ix_account_closing_at", "account", ["closing_at"])
    op.create_index(
        "ix_account_pending",
        "account",
        ["created_at"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "address",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
    )
    op.create_index("ix_address_account", "address", ["account"])
    op.create_index("ix_address_lookup", "address", ["lookup"])
    op.create_table(
        "admin",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("invitation_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admin"),
        sa.UniqueConstraint("credential_id", name="uq_admin_credential_id"),
    )
    op.create_table(
        "admin_challenge",
        sa.Column("challenge_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name="pk_admin_challenge"),
    )
    op.create_index("ix_admin_challenge_expires_at", "admin_challenge", ["expires_at"])
    op.create_table(
        "admin_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("admin", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("step_up_until", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admin_session"),
        sa.UniqueConstraint("token_hash", name="uq_admin_session_token_hash"),
    )
    op.create_index("ix_admin_session_admin", "admin_session", ["admin"])
    op.create_table(
        "admin_view",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("admin", sa.String(length=32), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("filter", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admin_view"),
    )
    op.create_index("ix_admin_view_admin", "admin_view", ["admin"])
    op.create_table(
        "approval",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("proposal", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("credential", sa.String(length=128), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("executed_at", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
    )
    op.create_index("ix_approval_body_sha256", "approval", ["body_sha256"])
    op.create_index(
        "ix_approval_pending",
        "approval",
        ["id"],
        sqlite_where=sa.text("executed_at IS NULL AND refused IS NULL"),
        postgresql_where=sa.text("executed_at IS NULL AND refused IS NULL"),
    )
    op.create_index("ix_approval_proposal", "approval", ["proposal"])
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoint"),
        sa.UniqueConstraint("hash", name="uq_checkpoint_hash"),
    )
    op.create_table(
        "deposit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_before_closing", sa.String(length=16), nullable=True),
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("replaces", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closing_at", sa.BigInteger(), nullable=True),
        sa.Column("contacts_needed", sa.Integer(), nullable=False),
        sa.Column("contacts_count", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("manifest_signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("manifest_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("replaced_signature", sa.LargeBinary(length=64), nullable=True),
        sa.Column("drill", sa.String(length=32), nullable=True),
        sa.Column("drilled_at", sa.BigInteger(), nullable=False),
        sa.Column("recoverability", sa.String(length=16), nullable=True),
        sa.Column("recoverability_at", sa.BigInteger(), nullable=True),
        sa.Column("recoverability_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deposit"),
    )
    op.create_index("ix_deposit_account_created_at", "deposit", ["account", "created_at"])
    op.create_index("ix_deposit_closing_at", "deposit", ["closing_at"])
    op.create_index(
        "ix_deposit_drill",
        "deposit",
        ["id"],
        sqlite_where=sa.text("drill IS NOT NULL"),
        postgresql_where=sa.text("drill IS NOT NULL"),
    )
    op.create_index("ix_deposit_drilled_at", "deposit", ["drilled_at", "id"])
    op.create_index("ix_deposit_policy", "deposit", ["contacts_needed", "contacts_count", "id"])
    op.create_index("ix_deposit_recoverability", "deposit", ["recoverability", "id"])
    op.create_index(
        "ix_deposit_recoverability_policy",
        "deposit",
        ["recoverability", "contacts_needed", "contacts_count", "id"],
    )
    op.create_index(
        "ix_deposit_recoverability_until",
        "deposit",
        ["recoverability_until"],
        sqlite_where=sa.text("recoverability_until IS NOT NULL"),
        postgresql_where=sa.text("recoverability_until IS NOT NULL"),
    )
    op.create_index(
        "ix_deposit_replaced_signature",
        "deposit",
        ["id"],
        sqlite_where=sa.text("replaced_signature IS NOT NULL"),
        postgresql_where=sa.text("replaced_signature IS NOT NULL"),
    )
    op.create_index("ix_deposit_replaces", "deposit", ["replaces"])
    op.create_index("ix_deposit_state_id", "deposit", ["state", "id"])
    op.create_table(
        "ledger_event",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=True),
        sa.Column("deposit", sa.String(length=32), nullable=True),
        sa.Column("custody", sa.String(length=32), nullable=True),
        sa.Column("recovery", sa.String(length=32), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("acted", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_ledger_event"),
        sa.UniqueConstraint("id", name="uq_ledger_event_id"),
        sa.UniqueConstraint("index", name="uq_ledger_event_index"),
    )
    op.create_index("ix_ledger_event_account_index", "ledger_event", ["account", "index"])
    op.create_index("ix_ledger_event_custody_index", "ledger_event", ["custody", "index"])
    op.create_index("ix_ledger_event_deposit_index", "ledger_event", ["deposit", "index"])
    op.create_index("ix_ledger_event_recovery_index", "ledger_event", ["recovery", "index"])
    op.create_index(
        "ix_ledger_event_refused",
        "ledger_event",
        ["position"],
        sqlite_where=sa.text("refused IS NOT NULL"),
        postgresql_where=sa.text("refused IS NOT NULL"),
    )
    op.create_index("ix_ledger_event_type_index", "ledger_event", ["type", "index"])
    op.create_index(
        "ix_ledger_event_unacted",
        "ledger_event",
        ["index"],
        sqlite_where=sa.text("acted = 0"),
        postgresql_where=sa.text("NOT acted"),
    )
    op.create_index(
        "ix_ledger_event_unsequenced",
        "ledger_event",
        ["position"],
        sqlite_where=sa.text('"index" IS NULL AND refused IS NULL'),
        postgresql_where=sa.text('"index" IS NULL AND refused IS NULL'),
    )
    op.create_table(
        "ledger_node",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name="pk_ledger_node"),
    )
    op.create_table(
        "mail_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("network", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mail_code"),
    )
    op.create_index("ix_mail_code_lookup_created_at", "mail_code", ["lookup", "created_at"])
    op.create_table(
        "mail_token",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=True),
        sa.Column("deposit", sa.String(length=32), nullable=True),
        sa.Column("custody", sa.String(length=32), nullable=True),
        sa.Column("recovery", sa.String(length=32), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_mail_token"),
    )
    op.create_index("ix_mail_token_custody", "mail_token", ["custody"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=True),
        sa.Column("recovery", sa.String(length=32), nullable=True),
        sa.Column("custody", sa.String(length=32), nullable=True),
        sa.Column("is_customer", sa.Boolean(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("contents", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_account_created_at", "outbox", ["account", "created_at"])
    op.create_index("ix_outbox_recovery_state", "outbox", ["recovery", "state"])
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
    op.create_table(
        "rate_count",
        sa.Column("bucket", sa.LargeBinary(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "hour", name="pk_rate_count"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("login", sa.String(length=32), nullable=True),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("step_up_until", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("token_hash", name="uq_session_token_hash"),
    )
    op.create_index("ix_session_account", "session", ["account"])
    op.create_table(
        "totp",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("pending_secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_tries", sa.Integer(), nullable=False),
        sa.Column("wrong_in_a_row", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_totp"),
    )
    op.create_table(
        "blob",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("custody", sa.String(length=32), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("credential_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["deposit"], ["deposit.id"], name="fk_blob_deposit"),
        sa.PrimaryKeyConstraint("id", name="pk_blob"),
    )
    op.create_index(
        "uq_blob_deposit_kind_custody_credential",
        "blob",
        ["deposit", "kind", "custody", "credential_hash"],
        unique=True,
    )
    op.create_table(
        "recoverability_change",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("was", sa.String(length=16), nullable=True),
        sa.Column("now", sa.String(length=16), nullable=True),
        sa.Column("is_loss", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recoverability_change"),
    )
    op.create_index(
        "ix_recoverability_change_loss",
        "recoverability_change",
        ["at", "id"],
        sqlite_where=sa.text("is_loss = 1"),
        postgresql_where=sa.text("is_loss"),
    )
    op.create_index("ix_recoverability_change_deposit", "recoverability_change", ["deposit", "id"])
    op.create_table(
        "daily_count",
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "day", name="pk_daily_count"),
    )
    op.create_table(
        "recoverability_count",
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", "day", name="pk_recoverability_count"),
    )
    op.create_table(
        "custody",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attest_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("release_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contact_commitment", sa.LargeBinary(length=32), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("address", sa.LargeBinary(), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("domain_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("nonce", sa.LargeBinary(), nullable=True),
        sa.Column("phrase", sa.LargeBinary(), nullable=True),
        sa.Column("locale", sa.String(length=8), nullable=True),
        sa.Column("fetch_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("invited_until", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("last_share_at", sa.BigInteger(), nullable=True),
        sa.Column("last_check_at", sa.BigInteger(), nullable=True),
        sa.Column("proven_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["deposit"], ["deposit.id"], name="fk_custody_deposit"),
        sa.PrimaryKeyConstraint("id", name="pk_custody"),
    )
    op.create_index("ix_custody_deposit", "custody", ["deposit"])
    op.create_index("ix_custody_due_at", "custody", ["due_at"])
    op.create_index(
        "ix_custody_domain_hash",
        "custody",
        ["domain_hash", "proven_at", "id"],
        sqlite_where=sa.text("domain_hash IS NOT NULL"),
        postgresql_where=sa.text("domain_hash IS NOT NULL"),
    )
    op.create_index("ix_custody_role_proven_at", "custody", ["role", "proven_at", "id"])
    op.create_index("ix_custody_role_state_id", "custody", ["role", "state", "id"])
    op.create_index("ix_custody_verified_at", "custody", ["verified_at"])
    op.create_table(
        "recovery",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proof", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wait_seconds", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("notices_written_at", sa.BigInteger(), nullable=True),
        sa.Column("noticed_at", sa.BigInteger(), nullable=True),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("frozen_at", sa.BigInteger(), nullable=True),
        sa.Column("unfrozen_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("session", sa.String(length=32), nullable=True),
        sa.Column("completed_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["deposit"], ["deposit.id"], name="fk_recovery_deposit"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery"),
    )
    op.create_index("ix_recovery_account", "recovery", ["account"])
    op.create_index("ix_recovery_state_id", "recovery", ["state", "id"])
    op.create_index(
        "uq_recovery_open_deposit",
        "recovery",
        ["deposit"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "recovery_draft",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("proof", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["deposit"], ["deposit.id"], name="fk_recovery_draft_deposit"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_draft"),
    )
    op.create_index("ix_recovery_draft_deposit", "recovery_draft", ["deposit"])
    op.create_index("ix_recovery_draft_expires_at", "recovery_draft", ["expires_at"])
    op.create_table(
        "recovery_proof",
        sa.Column("recovery", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("custody", sa.String(length=32), nullable=False),
        sa.Column("checkpoint_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recovery", "session", "custody", name="pk_recovery_proof"),
    )
    op.create_table(
        "recovery_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("recovery", sa.String(length=32), nullable=False),
        sa.Column("deposit", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["recovery"], ["recovery.id"], name="fk_recovery_session_recovery"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_session"),
    )
    op.create_index("ix_recovery_session_expires_at", "recovery_session", ["expires_at"])
    op.create_index("ix_recovery_session_recovery", "recovery_session", ["recovery"])
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("custody", sa.String(length=32), nullable=False),
        sa.Column("commitment", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=True),
        sa.Column("nonce_signature", sa.LargeBinary(length=64), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("random", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["recovery_session.id"], name="fk_call_session"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_session", "call", ["session"])
    op.create_table(
        "release",
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("custody", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=True),
        sa.Column("time", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["recovery_session.id"], name="fk_release_session"),
        sa.PrimaryKeyConstraint("session", "custody", name="pk_release"),
    )


def downgrade() -> None:
    """Go back: all data is lost."""
    for table in (
        "release",
        "call",
        "recovery_session",
        "recovery",
        "custody",
        "blob",
        "totp",
        "session",
        "recoverability_count",
        "recoverability_change",
        "daily_count",
        "rate_count",
        "outbox",
        "mail_token",
        "mail_code",
        "ledger_node",
        "ledger_event",
        "deposit",
        "checkpoint",
        "approval",
        "admin_session",
        "admin_challenge",
        "admin",
        "address",
        "account",
    ):
        op.drop_table(table)
