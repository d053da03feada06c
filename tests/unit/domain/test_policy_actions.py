from __future__ import annotations

from typing import Any

from lambent.domain.policy_actions import ACTIONS
from lambent.protocol.model import load_model


def test_operations_are_actions_under_their_names_but_those_that_invoke():
    model: Any = load_model("lambda")
    operations = {f"lambda:{name}" for name in model.operation_names}
    assert operations - ACTIONS == {"lambda:Invoke", "lambda:InvokeWithResponseStream"}
    assert ACTIONS - operations == {
        "lambda:DisableReplication",
        "lambda:EnableReplication",
        "lambda:InvokeFunction",
        "lambda:InvokeFunctionUrl",
    }
