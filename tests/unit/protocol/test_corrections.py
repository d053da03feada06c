from __future__ import annotations

from typing import Any

import pytest

from lambent.protocol.corrections import CORRECTIONS
from lambent.protocol.model import load_model


@pytest.mark.parametrize("name", sorted(CORRECTIONS))
def test_everything_corrected_is_in_the_model(name):
    model: Any = load_model(name)
    corrections = CORRECTIONS[name]
    shapes = {*corrections.value_sets, *corrections.patterns}
    shapes.update(corrections.maxima, corrections.not_null, corrections.unwrapped)
    assert shapes <= set(model.shape_names)
    assert corrections.payload_types.keys() <= set(model.operation_names)
    for structure, member in corrections.unchecked_enums:
        assert model.shape_for(structure).members[member].enum
    for structure, member in (*corrections.member_value_sets, *corrections.last):
        assert member in model.shape_for(structure).members


def test_patterns_say_what_is_accepted_nearly():
    model: Any = load_model("lambda")
    patterns = CORRECTIONS["lambda"].patterns

    def of_model(name):
        return model.shape_for(name).metadata["pattern"]

    assert of_model("LayerVersionArn") == f"({patterns['LayerVersionArn']})"
    recorded = patterns["TaggableResource"].replace(r"layer:([a-zA-Z0-9-_]+)|", "")
    newer = "(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64}"
    assert recorded.replace("capacity-provider:[a-zA-Z0-9-_]+", newer) == of_model(
        "TaggableResource"
    )


def test_reordered_value_sets_are_the_models_values():
    model: Any = load_model("lambda")
    for name, values in CORRECTIONS["lambda"].value_sets.items():
        # Runtimes AWS no longer offers stay in the model and are left out of its errors.
        assert set(values.split(", ")) <= set(model.shape_for(name).enum)


def test_maxima_are_the_smaller_ones_of_ordinary_functions():
    model: Any = load_model("lambda")
    for name, most in CORRECTIONS["lambda"].maxima.items():
        assert most < model.shape_for(name).metadata["max"]
