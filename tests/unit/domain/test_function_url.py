from __future__ import annotations

import re

from lambent.domain.function_url import new_url_id


def test_an_id_is_a_label_of_a_host_name_that_nobody_else_has():
    made = {new_url_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("[a-z0-9]{32}", each) for each in made)
