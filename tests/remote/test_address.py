import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import UsageError
from edgetl.remote.address import Address, parse


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("pi@raspberrypi.local", "pi", "raspberrypi.local", None),
        ("pi@10.0.0.7:2222", "pi", "10.0.0.7", 2222),
        ("zero2", None, "zero2", None),
        ("zero2:22", None, "zero2", 22),
        ("pi@[fe80::1%eth0]:2222", "pi", "fe80::1%eth0", 2222),
        ("pi@fe80::1", "pi", "fe80::1", None),
        ("[::1]", None, "::1", None),
    ],
)
def test_user_and_port_are_read_where_they_stand(
    text: str, user: str | None, host: str, port: int | None
) -> None:
    assert parse(text) == Address(text, user, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "pi@",
        "-oProxyCommand=reboot",
        "pi@-v",
        "pi@a b",
        "pi@$(reboot)",
        "pi@`id`",
        "a;b",
        "pi@h\nx",
        "[]:22",
    ],
)
def test_what_a_shell_or_ssh_would_read_otherwise_is_no_device(text: str) -> None:
    with pytest.raises(UsageError, match="try pi@raspberrypi"):
        parse(text)


@pytest.mark.parametrize("port", ["0", "65536", "", "ssh", "-1", "²"])
def test_a_port_is_a_number_from_1_to_65535(port: str) -> None:
    with pytest.raises(UsageError, match=r"ports are 1 to 65535: try pi@board:22"):
        parse(f"pi@board:{port}")


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="ssh-copy-id") as refused:
        parse("pi:raspberry@board")
    assert "raspberry" not in str(refused.value)


@given(st.text(max_size=30))
def test_nothing_but_plain_characters_gets_through(text: str) -> None:
    try:
        address = parse(text)
    except UsageError:
        return
    assert set(address.host) | set(address.user or "") <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:%"
    )
    assert not address.host.startswith("-")
    assert address.port is None or 0 < address.port < 65536
