from pathlib import Path
from typing import Any

from sqlalchemy import event

from patchsieve.station.services.repeating import known_under
from patchsieve.station.store import Store
from patchsieve.station.store.tables import LineRow


def test_who_asks_under_a_key_does_not_have_the_whole_history_read(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, values, _context, _many: asked.append((statement, values)),
    )
    with store.reading() as session:
        assert known_under(session, LineRow(id="line", name="line7"), "part-1", 64, "") == {}
        statement, values = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    store.close()
    assert any("line_id=? AND idempotency_key=?" in row[-1] for row in plan), plan
