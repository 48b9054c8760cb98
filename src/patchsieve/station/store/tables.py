"""The tables. What people did is in tables that are only ever added to: switches, points, feedback, marks, audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from patchsieve.station.store.base import Base, new_id, now

_ID = String(32)
_SHA256 = String(64)
_NAME = String(200)


class LineRow(Base):
    """A production line: parts of one kind, seen by one camera."""

    __tablename__ = "line"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(_NAME, unique=True)
    title: Mapped[str] = mapped_column(_NAME)
    created_at: Mapped[datetime] = mapped_column(default=now)
    active_version_id: Mapped[str | None] = mapped_column(
        ForeignKey("model_version.id", name="fk_line_active_version_id", use_alter=True)
    )


class VersionRow(Base):
    """A model of a line; never overwritten. `file` is relative to the data folder."""

    __tablename__ = "model_version"
    __table_args__ = (UniqueConstraint("line_id", "number"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    line_id: Mapped[str] = mapped_column(ForeignKey("line.id"))
    number: Mapped[int]
    file: Mapped[str]
    sha256: Mapped[str] = mapped_column(_SHA256)
    detector: Mapped[str] = mapped_column(_NAME)
    backbone: Mapped[str] = mapped_column(_NAME)
    training_images: Mapped[int]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("model_version.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str] = mapped_column(_NAME)
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(10), default="ready")


class SwitchRow(Base):
    """Who made which version count, and when. Only added to."""

    __tablename__ = "version_switch"

    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("line.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"))
    by: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime] = mapped_column(default=now)


class PointRow(Base):
    """An operating point of a version. Only added to: a changed one supersedes that of before.

    `purpose` is the point as a model file has it: rule, false_alarms, clean, evidence, words.
    """

    __tablename__ = "operating_point"
    # Two changes at the same time cannot both be the one that counts.
    __table_args__ = (
        Index(
            "uq_operating_point_current",
            "version_id",
            "name",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"), index=True)
    name: Mapped[str] = mapped_column(_NAME)
    threshold: Mapped[float]
    purpose: Mapped[dict[str, Any]] = mapped_column(JSON)
    is_default: Mapped[bool]
    by: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime] = mapped_column(default=now)
    superseded_at: Mapped[datetime | None]


class InspectionRow(Base):
    """One image that was judged; the answer to who asked is given after this row is committed."""

    __tablename__ = "inspection"
    __table_args__ = (
        UniqueConstraint("line_id", "idempotency_key"),
        Index("ix_inspection_created_at_id", "created_at", "id"),
        Index("ix_inspection_line_id_created_at_id", "line_id", "created_at", "id"),
        Index("ix_inspection_score_id", "score", "id"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    line_id: Mapped[str] = mapped_column(ForeignKey("line.id"))
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"), index=True)
    image_sha256: Mapped[str] = mapped_column(_SHA256, index=True)
    image_name: Mapped[str]
    image_file: Mapped[str]
    source: Mapped[str] = mapped_column(String(10))
    score: Mapped[float]
    threshold: Mapped[float]
    operating_point: Mapped[str] = mapped_column(_NAME)
    verdict: Mapped[str] = mapped_column(String(10))
    width: Mapped[int]
    height: Mapped[int]
    peak_x: Mapped[int]
    peak_y: Mapped[int]
    regions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)
    idempotency_key: Mapped[str | None] = mapped_column(String(300))
    request_sha256: Mapped[str] = mapped_column(_SHA256)
    by: Mapped[str | None] = mapped_column(_NAME)
    human_verdict: Mapped[str | None] = mapped_column(String(10), index=True)
    human_note: Mapped[str | None]
    judged_by: Mapped[str | None] = mapped_column(_NAME)
    judged_at: Mapped[datetime | None]


class FeedbackRow(Base):
    """What a person said of an inspection. Only added to; the last one counts and is copied to the inspection."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.id"), index=True)
    verdict: Mapped[str | None] = mapped_column(String(10))
    note: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime] = mapped_column(default=now)


class MarkRow(Base):
    """A training image kept or dropped by a person. Only added to; the last one of an image counts.

    A mark that takes another one back says which, and has the verdict that counts again.
    """

    __tablename__ = "mark"
    __table_args__ = (Index("ix_mark_version_id_image_name", "version_id", "image_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("line.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"))
    image_name: Mapped[str]
    image_sha256: Mapped[str] = mapped_column(_SHA256)
    verdict: Mapped[str | None] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime] = mapped_column(default=now)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("mark.id"))


class JobRow(Base):
    """Work in the background, such as a refit."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    line_id: Mapped[str] = mapped_column(ForeignKey("line.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    stage: Mapped[str] = mapped_column(default="")
    done: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    by: Mapped[str] = mapped_column(_NAME)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None]


class UserRow(Base):
    """A person who can log in."""

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(_NAME, unique=True)
    role: Mapped[str] = mapped_column(String(10))
    password_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]


class LoginRow(Base):
    """A login that has not ended. Only the hash of what the browser holds is kept."""

    __tablename__ = "session"

    token_hash: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TokenRow(Base):
    """A token of the API. Only its hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(_NAME)
    role: Mapped[str] = mapped_column(String(10))
    token_hash: Mapped[str] = mapped_column(_SHA256, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    by: Mapped[str] = mapped_column(_NAME)
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class AuditRow(Base):
    """Who changed what, when, from what to what. Only added to."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    who: Mapped[str] = mapped_column(_NAME)
    action: Mapped[str] = mapped_column(String(50))
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
