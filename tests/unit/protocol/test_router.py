from __future__ import annotations

import pytest

from lambent.protocol.router import Route, Router


def router(*routes):
    return Router(
        Route(operation=operation, method=method, template=template)
        for operation, method, template in routes
    )


FUNCTIONS = router(
    ("List", "GET", "/v1/functions"),
    ("Create", "POST", "/v1/functions"),
    ("Get", "GET", "/v1/functions/{Name}"),
    ("ListAliases", "GET", "/v1/functions/{Name}/aliases"),
    ("GetAlias", "GET", "/v1/functions/{Name}/aliases/{Alias}"),
    ("GetLayers", "GET", "/v2/layers"),
    ("GetLayerByArn", "GET", "/v2/layers?find=LayerVersion"),
    ("AnyOf", "GET", "/v2/layers?any"),
    ("GetExecution", "GET", "/v3/executions/{Arn}"),
    ("GetHistory", "GET", "/v3/executions/{Arn}/history"),
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/functions", ("List", ())),
        ("GET", "/v1/functions/", ("List", ())),
        ("POST", "/v1/functions", ("Create", ())),
        ("GET", "/v1/functions/one", ("Get", ("one",))),
        ("GET", "/v1/functions/one/", ("Get", ("one",))),
        ("GET", "/v1/functions/one/aliases", ("ListAliases", ("one",))),
        ("GET", "/v1/functions/one/aliases/", ("ListAliases", ("one",))),
        ("GET", "/v1/functions/one/aliases/live", ("GetAlias", ("one", "live"))),
    ],
)
def test_paths_lead_to_operations(method, path, expected):
    assert FUNCTIONS.match(method, path, "") == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/functions"),
        ("HEAD", "/v1/functions"),
        ("get", "/v1/functions"),
        ("GET", "/v1"),
        ("GET", "/v9/functions"),
        ("GET", "/v1/functions//aliases"),
        ("GET", "/v1/functions//"),
        ("GET", "/v1/functions/one/aliases/live/more"),
        ("GET", "v1/functions"),
        ("GET", "/"),
        ("GET", ""),
    ],
)
def test_anything_else_leads_nowhere(method, path):
    assert FUNCTIONS.match(method, path, "") is None


def test_labels_are_percent_decoded():
    found = FUNCTIONS.match("GET", "/v1/functions/arn%3Aaws%3Alambda%3Af%2Fg", "")
    assert found == ("Get", ("arn:aws:lambda:f/g",))


def test_invalid_percent_encoding_is_kept_or_replaced():
    assert FUNCTIONS.match("GET", "/v1/functions/a%zz%ff", "") == ("Get", ("a%zz\ufffd",))


def test_an_arn_may_come_with_its_colons_unescaped():
    found = FUNCTIONS.match("GET", "/v1/functions/arn:aws:lambda:f:1/aliases/live", "")
    assert found == ("GetAlias", ("arn:aws:lambda:f:1", "live"))


def test_an_arn_in_a_lone_label_may_come_with_its_slashes_unescaped():
    arn = "arn:aws:lambda:f:1/durable-execution/a/b"
    assert FUNCTIONS.match("GET", f"/v3/executions/{arn}", "") == ("GetExecution", (arn,))
    assert FUNCTIONS.match("GET", f"/v3/executions/{arn}/history", "") == ("GetHistory", (arn,))
    assert FUNCTIONS.match("GET", "/v3/executions/not/an/arn", "") is None


@pytest.mark.parametrize(
    ("query", "operation"),
    [
        ("", "GetLayers"),
        ("find=Other", "GetLayers"),
        ("find=LayerVersion", "GetLayerByArn"),
        ("Arn=x&find=LayerVersion", "GetLayerByArn"),
        ("any=", "AnyOf"),
        ("any", "AnyOf"),
    ],
)
def test_a_static_query_chooses_between_operations_of_one_path(query, operation):
    assert FUNCTIONS.match("GET", "/v2/layers", query) == (operation, ())


def test_a_path_whose_every_operation_requires_a_query_needs_it():
    only = router(("Find", "GET", "/things?find=One"))
    assert only.match("GET", "/things", "find=One") == ("Find", ())
    assert only.match("GET", "/things", "") is None


def test_greedy_labels_take_slashes():
    objects = router(
        ("List", "GET", "/{Bucket}"), ("Get", "GET", "/{Bucket}/{Key+}"), ("Ping", "GET", "/ping")
    )
    assert objects.match("GET", "/b/a/long/key/", "") == ("Get", ("b", "a/long/key/"))
    assert objects.match("GET", "/b", "") == ("List", ("b",))
    assert objects.match("GET", "/ping", "") == ("Ping", ())


def test_regular_expression_characters_in_templates_are_literal():
    odd = router(("Odd", "GET", "/v1.(x)/{Name}"))
    assert odd.match("GET", "/v1.(x)/n", "") == ("Odd", ("n",))
    assert odd.match("GET", "/v1ax/n", "") is None


def test_head_operations_are_routed_by_their_own_method():
    both = router(("Get", "GET", "/a/{Name}"), ("Exists", "HEAD", "/a/{Name}"))
    assert both.match("HEAD", "/a/x", "") == ("Exists", ("x",))
