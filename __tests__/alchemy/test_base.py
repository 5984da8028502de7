from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from belgie.alchemy import Base, DateTimeUTC, PrimaryKeyMixin, TimestampMixin


class Shelf(Base):
    __tablename__ = "base_shelves"

    id: Mapped[int] = mapped_column(primary_key=True)


class Book(PrimaryKeyMixin, TimestampMixin, Base):
    __tablename__ = "base_books"
    __table_args__ = (UniqueConstraint("title", "shelf_id"), CheckConstraint("price > 0", name="price_positive"))

    title: Mapped[str] = mapped_column(index=True)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("base_shelves.id"))
    price: Mapped[int] = mapped_column(default=1)
    printed_at: Mapped[datetime | None] = mapped_column(default=None)


def test_every_constraint_and_index_has_a_predictable_name() -> None:
    table = Base.metadata.tables["base_books"]
    names = {constraint.name for constraint in table.constraints} | {index.name for index in table.indexes}
    assert names == {
        "pk_base_books",
        "uq_base_books_title_shelf_id",
        "ck_base_books_price_positive",
        "fk_base_books_shelf_id_base_shelves",
        "ix_base_books_title",
    }


def test_a_datetime_annotation_is_a_moment_in_utc() -> None:
    assert isinstance(Book.__table__.c.printed_at.type, DateTimeUTC)


def test_a_constructor_takes_keywords_only() -> None:
    assert Book(title="a", shelf_id=1).price == 1
    untyped: Any = Book
    with pytest.raises(TypeError):
        untyped("a", 1)


def test_a_constructor_refuses_what_is_no_column() -> None:
    untyped: Any = Book
    with pytest.raises(TypeError, match="publisher"):
        untyped(title="a", shelf_id=1, publisher="b")


def test_rows_are_equal_to_themselves_only_and_fit_into_a_set() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = Book(title="a", shelf_id=1, created_at=at, updated_at=at)
    two = Book(title="a", shelf_id=1, created_at=at, updated_at=at, id=one.id)
    assert one != two
    assert len({one, two, one}) == 2
