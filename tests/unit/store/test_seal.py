from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lambent.store.seal import KeyUnusable, Seal, SealBroken

SEAL = Seal(bytes(32))


@given(plain=st.binary(max_size=5000), context=st.binary(max_size=100))
def test_what_was_sealed_opens(plain, context):
    assert SEAL.open(SEAL.seal(plain, context), context) == plain


def test_the_same_text_is_never_sealed_alike():
    assert SEAL.seal(b"secret", b"") != SEAL.seal(b"secret", b"")


def test_another_context_does_not_open():
    with pytest.raises(SealBroken):
        SEAL.open(SEAL.seal(b"secret", b"mine"), b"yours")


def test_another_key_does_not_open():
    with pytest.raises(SealBroken):
        Seal(b"k" * 32).open(SEAL.seal(b"secret", b""), b"")


@given(position=st.integers(0, 33), bit=st.integers(0, 7))
def test_changed_bytes_do_not_open(position, bit):
    sealed = bytearray(SEAL.seal(b"secret", b""))
    sealed[position] ^= 1 << bit
    with pytest.raises(SealBroken):
        SEAL.open(bytes(sealed), b"")


@given(st.binary(max_size=100))
def test_garbage_does_not_open(garbage):
    with pytest.raises(SealBroken):
        SEAL.open(garbage, b"")


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "key"
    sealed = Seal.from_key_file(path).seal(b"secret", b"")
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert Seal.from_key_file(path).open(sealed, b"") == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    Seal.from_key_file(path)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match=f"chmod 600 {path}"):
        Seal.from_key_file(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_key_is_refused(tmp_path, size):
    path = tmp_path / "key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="not a key"):
        Seal.from_key_file(path)


def test_a_link_in_place_of_the_key_is_not_followed(tmp_path):
    Seal.from_key_file(tmp_path / "elsewhere")
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Seal.from_key_file(tmp_path / "key")


def test_the_key_does_not_show():
    assert "kkkk" not in repr(Seal(b"k" * 32)) + repr(vars(Seal(b"k" * 32)))
