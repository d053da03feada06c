from __future__ import annotations

import contextlib
import socket

import pytest
from tests.support.ports import free_ports

from lambent.emulator.instances import Instances
from lambent.server.listening import AddressInUse


@pytest.fixture
def port():
    [port] = free_ports(1)
    return port


def take(instances, count):
    return [instances.take_slot() for _ in range(count)]


def test_instances_have_one_port_at_one_address_after_another(port):
    instances = Instances("127.0.0.1", port)
    slots = take(instances, 3)
    addresses = [slot.api_address for slot in slots]
    assert addresses == [f"127.0.0.{number}:{port}" for number in (1, 2, 3)]
    assert [instances.number_of(address) for address in addresses] == [0, 1, 2]
    for slot in slots:
        slot.release()


def test_the_lowest_number_that_is_free_is_given_again(port):
    instances = Instances("localhost", port)
    first, second = take(instances, 2)
    first.release()
    again = instances.take_slot()
    assert again.api_address == first.api_address
    assert instances.number_of(again.api_address) == 0
    for slot in (second, again):
        slot.release()


def test_elsewhere_than_on_the_loopback_ports_follow_each_other(port):
    instances = Instances("0.0.0.0", port)
    slots = take(instances, 2)
    assert [slot.api_address for slot in slots] == [f"0.0.0.0:{port}", f"0.0.0.0:{port + 1}"]
    for slot in slots:
        slot.release()


def test_any_port_is_another_one_for_each():
    instances = Instances("127.0.0.1", 0)
    slots = take(instances, 2)
    assert len({slot.api_address for slot in slots}) == 2
    assert [instances.number_of(slot.api_address) for slot in slots] == [0, 1]
    for slot in slots:
        slot.release()


def test_an_address_that_is_taken_is_found_before_anything_runs(port):
    instances = Instances("127.0.0.1", port)
    instances.check(2)
    with socket.create_server(("127.0.0.2", port)):
        instances.check(1)
        with pytest.raises(AddressInUse, match="RUNTIME_API_PORT"):
            instances.check(2)


def test_an_address_that_somebody_has_taken_since_is_passed_over(port):
    instances = Instances("127.0.0.1", port)
    with socket.create_server(("127.0.0.2", port)):
        slots = take(instances, 2)
    assert [slot.api_address for slot in slots] == [f"127.0.0.1:{port}", f"127.0.0.3:{port}"]
    assert instances.number_of(slots[1].api_address) == 2
    for slot in slots:
        slot.release()


def test_it_is_told_when_all_addresses_are_taken(port, monkeypatch):
    monkeypatch.setattr("lambent.emulator.instances._MOST_OF_OTHERS", 0)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
        Instances("127.0.0.1", port).take_slot()


def test_a_host_that_is_none_is_refused():
    with pytest.raises(AddressInUse, match="RUNTIME_API_HOST is 'no host'"):
        Instances("no host", 9001)


def test_there_is_an_address_of_ipv6():
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        slot = Instances("[::1]", 0).take_slot()
        assert slot.api_address.startswith("[::1]:")
        slot.release()
