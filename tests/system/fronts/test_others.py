"""The other fronts that proxy-config/ has a file for: the same matrix, with a hub whose sockets are held, as by systemd, while it is
restarted and away.

What was seen is in build/fronts-others.md and .json."""
import time
from contextlib import ExitStack

import pytest

import ways
from others import CELLS, FRONTS, OTHERS, HeldHub
from test_matrix import COLUMNS, Matrix, written

AWAY = 6  # seconds: EventSources come back after 3
COLUMNS = {("hub away: pages wait" if check == "killed" else column): check for column, check in COLUMNS.items()
           if check is not ways.who_asks_while_the_hub_is_away_is_told_to_come_back}


def a_query_is_refused(way):
    status = way.query(b"match=x").status
    assert status == 501, status
    return "501"


class Others(Matrix):
    def check(self, cell, check):
        instead = a_query_is_refused if check is ways.a_query_brings_its_body and not cell.front.queries else check
        self.note(cell, check, instead, self.ways[cell])

    def kill(self, pages):
        """Away for so long that each page asks meanwhile, and none gets an answer that it would not survive."""
        self.hub.kill()
        time.sleep(AWAY)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    with ExitStack() as stack:
        matrix = Others(tmp_path_factory.mktemp("others"), stack, FRONTS, CELLS, HeldHub)
        try:
            matrix.run()
            written(matrix.rows(COLUMNS), "fronts-others")
            yield matrix
        finally:
            matrix.hub.stop()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_in_each_cell(matrix, cell, column):
    seen = matrix.seen[cell, COLUMNS[column]]
    if isinstance(seen, AssertionError):
        raise seen
