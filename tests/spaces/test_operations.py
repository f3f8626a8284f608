from __future__ import annotations

import pytest

from autonas_keras.spaces import CellSpace, canonical, close_names, known_operations, operations


def test_synonyms_share_one_canonical_name() -> None:
    assert canonical("identity") == canonical("skip_connect") == "skip_connect"
    assert canonical("zero") == canonical("none") == "none"
    assert canonical("nor_conv_3x3") == canonical("conv_3x3") == "conv_3x3"
    assert all(canonical(canonical(name)) == canonical(name) for name in known_operations())


def test_every_operation_of_every_space_is_known() -> None:
    for space in (CellSpace.darts(), CellSpace.nasnet(), CellSpace.nasbench201()):
        assert set(space.operations) <= set(known_operations())


def test_a_name_of_the_users_own_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_names", set(operations._names))
    with pytest.raises(ValueError, match="Expected known operations, got 'my_conv'"):
        CellSpace(("my_conv", "skip_connect"))
    operations.add_operation_name("my_conv")
    assert "my_conv" in known_operations()
    assert CellSpace(("my_conv", "skip_connect"), nodes=1).size == 16


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my conv", "to be an identifier, got 'my conv'"),
        ("a~b", "to be an identifier, got 'a~b'"),
        (3, "to be an identifier, got 3"),
        ("sep_conv_3x3", "got 'sep_conv_3x3', which is built in"),
        ("identity", "got 'identity', which is built in"),
    ],
)
def test_a_new_name_is_an_identifier_that_is_free(name: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operations.add_operation_name(name)  # type: ignore[arg-type]


def test_close_names_end_an_error_sentence() -> None:
    assert close_names("dart", ["darts", "enas"]) == "; did you mean 'darts'?"
    assert close_names("xyz", ["darts", "enas"]) == "; known are darts, enas"
    assert close_names("xyz", [f"name_{i}" for i in range(30)]) == ""
