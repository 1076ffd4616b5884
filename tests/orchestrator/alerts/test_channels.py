"""Channels against real peers on loopback: what is sent, and what each way of failing means."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from orchestrator.alerts.channels.bounded import Bounded
from orchestrator.alerts.channels.console import Console
from orchestrator.alerts.channels.email import Email, Server
from orchestrator.alerts.channels.making import make
from orchestrator.alerts.channels.pagerduty import PagerDuty
from orchestrator.alerts.channels.posting import post
from orchestrator.alerts.channels.slack import TEXT_CHARS_MAX, SlackBot, SlackWebhook
from orchestrator.alerts.channels.webhook import Webhook
from orchestrator.alerts.messages import Level, Message
from orchestrator.alerts.rules import Receiver
from tests.conftest import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply
from tests.fakes.mail_peer import MailPeer
from tests.servers.tls_proxy import Papers
from tools.errors import DeliveryFailed, UsageError
from tools.findings.model import Severity

HOSTILE = "<!channel> *bold* <http://x|y> & `code`"


def message(**more: Any) -> Message:
    values: dict[str, Any] = {
        "id": "id-1",
        "dedup_key": "key-1",
        "level": Level.CRITICAL,
        "severity": Severity.CRITICAL,
        "title": HOSTILE,
        "lines": ("CRITICAL lag of orders",),
        "labels": (("cause", "x"),),
    }
    return Message(**values | more)


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with HttpPeer() as running:
        yield running


# --- Posting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "permanent", "wait_s"),
    [
        pytest.param(Reply(400, b"no"), True, None, id="wrong request"),
        pytest.param(Reply(401), True, None, id="not allowed"),
        pytest.param(
            Reply(302, headers={"Location": "http://127.0.0.1:1/"}), True, None, id="sent elsewhere"
        ),
        pytest.param(Reply(429, headers={"Retry-After": "7"}), False, 7.0, id="too many"),
        pytest.param(Reply(429, headers={"Retry-After": "nan"}), False, None, id="no number"),
        pytest.param(Reply(503, headers={"Retry-After": "999999"}), False, 3600.0, id="much later"),
        pytest.param(Reply(500, b"\x1b[2J" * 400), False, None, id="broken"),
        pytest.param(Reply(200, b"x" * 200_000), False, None, id="an answer without end"),
        pytest.param(Reply(cut=True), False, None, id="no answer"),
    ],
)
def test_each_way_of_refusing_says_whether_trying_again_helps(
    peer: HttpPeer, reply: Reply, permanent: bool, wait_s: float | None
) -> None:
    peer.replies = [reply]
    with pytest.raises(DeliveryFailed) as failed:
        post(f"{peer.url}/secret-path", b"{}", {})
    assert (failed.value.permanent, failed.value.retry_after_s) == (permanent, wait_s)
    assert "secret-path" not in str(failed.value)
    assert len(peer.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/", "ftp://127.0.0.1/", "nothing"])
def test_an_address_that_is_none_is_not_tried_again(url: str) -> None:
    with pytest.raises(DeliveryFailed) as failed:
        post(url, b"{}", {})
    assert failed.value.permanent


def test_nobody_there_may_be_there_later() -> None:
    with pytest.raises(DeliveryFailed, match="no answer") as failed:
        post(f"http://127.0.0.1:{free_port()}/", b"{}", {})
    assert not failed.value.permanent


# --- Webhook and PagerDuty -------------------------------------------------------------------------------


def test_a_webhook_is_signed_and_says_what_it_is_about(peer: HttpPeer) -> None:
    clock = ManualClock()
    Webhook(f"{peer.url}/hook", b"secret", clock).send(message(), "")
    (request,) = peer.requests
    assert (request.path, request.headers["Idempotency-Key"]) == ("/hook", "id-1")
    at, _, given = request.headers["X-Streamgauge-Signature"].partition(",v1=")
    signed = hmac.new(b"secret", at.removeprefix("t=").encode() + b"." + request.body, hashlib.sha256)
    assert (at, given) == (f"t={clock.now_ms() // 1000}", signed.hexdigest())
    assert request.data["status"] == "firing"
    assert (request.data["title"], request.data["labels"]) == (HOSTILE, {"cause": "x"})


def test_a_webhook_tells_people_its_host_alone() -> None:
    url = "https://hooks.example.org:8443/T0/secret?token=x"
    assert Webhook(url, b"", ManualClock()).where == "https://hooks.example.org:8443"


def test_an_incident_is_opened_and_resolved_under_one_key(peer: HttpPeer) -> None:
    channel = PagerDuty(peer.url, "routing")
    channel.send(message(severity=Severity.HIGH, level=Level.WARNING), "")
    channel.send(message(over=True, level=Level.SUCCESS), "")
    opened, resolved = (request.data for request in peer.requests)
    assert [request.path for request in peer.requests] == ["/v2/enqueue"] * 2
    assert (opened["event_action"], opened["payload"]["severity"]) == ("trigger", "error")
    assert resolved == {"routing_key": "routing", "event_action": "resolve", "dedup_key": "key-1"}
    assert opened["dedup_key"] == "key-1"


# --- Slack -----------------------------------------------------------------------------------------------


def test_a_bot_posts_once_then_replies_and_brings_the_first_up_to_date(peer: HttpPeer) -> None:
    peer.replies = [Reply(body=b'{"ok": true, "ts": "17.1", "channel": "C1"}')]
    bot = SlackBot(peer.url, "xoxb-token", "#ops")
    thread = bot.send(message(), "")
    assert thread == "C1:17.1"
    assert bot.send(message(over=True, level=Level.SUCCESS, escalated=False), thread) == thread
    first, update, reply = peer.requests
    assert [request.path for request in peer.requests] == [
        "/chat.postMessage",
        "/chat.update",
        "/chat.postMessage",
    ]
    assert first.headers["Authorization"] == "Bearer xoxb-token"
    assert first.data["channel"] == "#ops"
    assert (update.data["channel"], update.data["ts"]) == ("C1", "17.1")
    assert (reply.data["thread_ts"], reply.data["reply_broadcast"]) == ("17.1", False)
    colours = [request.data["attachments"][0]["color"] for request in peer.requests]
    assert colours[0] != colours[1] == colours[2]


def test_what_the_audited_system_printed_mentions_nobody(peer: HttpPeer) -> None:
    SlackWebhook(f"{peer.url}/services/x").send(message(), "")
    (request,) = peer.requests
    assert "<!channel>" not in request.body.decode()
    assert request.data["text"].startswith("CRITICAL: &lt;!channel&gt;")
    blocks = request.data["attachments"][0]["blocks"]
    assert {block["text"]["type"] for block in blocks} == {"plain_text"}
    assert request.data["mrkdwn"] is False


def test_a_message_stays_below_slacks_limit(peer: HttpPeer) -> None:
    long = message(title="&" * 200, lines=tuple("<" * 300 for _ in range(50)))
    SlackWebhook(peer.url).send(long, "")
    data = peer.requests[0].data
    texts = [block["text"]["text"] for block in data["attachments"][0]["blocks"]]
    assert sum(map(len, texts)) + len(data["text"]) <= TEXT_CHARS_MAX
    assert len(texts) <= 50


@pytest.mark.parametrize(
    ("body", "permanent"),
    [
        pytest.param(b'{"ok": false, "error": "channel_not_found"}', True, id="no channel"),
        pytest.param(b'{"ok": false, "error": "ratelimited"}', False, id="later"),
        pytest.param(b"<html>", False, id="none of Slack's"),
    ],
)
def test_slack_refuses_with_200(peer: HttpPeer, body: bytes, permanent: bool) -> None:
    peer.replies = [Reply(body=body)]
    with pytest.raises(DeliveryFailed) as failed:
        SlackBot(peer.url, "token", "#ops").send(message(), "")
    assert failed.value.permanent == permanent


@pytest.mark.parametrize(
    ("answers", "asked", "thread"),
    [
        pytest.param(
            [b'{"error": "message_not_found"}'], ["update", "postMessage"], "C2:9", id="it was deleted"
        ),
        pytest.param(
            [b'{"error": "edit_window_closed"}'], ["update", "postMessage"], "C1:1", id="no edit any more"
        ),
        pytest.param(
            [b'{"error": "cant_update_message"}', b'{"error": "thread_not_found"}'],
            ["update", "postMessage", "postMessage"], "C2:9", id="the thread too",
        ),
    ],
)  # fmt: skip
def test_a_first_message_that_is_gone_or_stays_as_it_is_keeps_nothing_from_being_told(
    peer: HttpPeer, answers: list[bytes], asked: list[str], thread: str
) -> None:
    peer.replies = [Reply(body=body) for body in answers]
    peer.replies.append(Reply(body=b'{"ok": true, "ts": "9", "channel": "C2"}'))
    assert SlackBot(peer.url, "token", "#ops").send(message(), "C1:1") == thread
    assert [request.path.rpartition(".")[2] for request in peer.requests] == asked
    assert ("thread_ts" in peer.requests[-1].data) == (thread == "C1:1")


# --- E-mail ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers.make(tmp_path_factory.mktemp("papers"))


def mailer(port: int, papers: Papers | None = None, **more: Any) -> Email:
    server = Server(
        host="127.0.0.1",
        port=port,
        security="starttls" if papers is not None else "none",
        authorities=None if papers is None else papers.path("ca.pem"),
        **more,
    )
    return Email(server, "streamgauge <audit@example.org>", ("ops@example.org",), ManualClock())


def test_mail_goes_out_encrypted_and_in_one_thread(papers: Papers) -> None:
    with MailPeer((papers.path("server.pem"), papers.path("server.key")), password="p") as peer:
        channel = mailer(peer.port, papers, user="u", password="p")
        thread = channel.send(message(), "")
        assert channel.send(message(id="id-2", over=True, level=Level.SUCCESS), thread) == thread
    first, second = peer.mails
    assert peer.encrypted == [True, True]
    assert first["Subject"] == f"[streamgauge] CRITICAL: {HOSTILE}"
    assert first["Message-ID"] == thread == "<id-1@streamgauge.invalid>"
    assert (second["In-Reply-To"], second["Message-ID"]) == (thread, "<id-2@streamgauge.invalid>")
    assert (first["From"], first["To"]) == ("streamgauge <audit@example.org>", "ops@example.org")
    assert "CRITICAL lag of orders" in body(first)


def body(mail: EmailMessage) -> str:
    return str(mail.get_content())


def test_a_wrong_certificate_gets_nothing(papers: Papers) -> None:
    with MailPeer((papers.path("other.pem"), papers.path("other.key"))) as peer:
        with pytest.raises(DeliveryFailed, match="no TLS") as failed:
            mailer(peer.port, papers).send(message(), "")
        assert peer.mails == []
    assert failed.value.permanent


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [pytest.param("451 later", False, id="for now"), pytest.param("550 never", True, id="for good")],
)
def test_a_server_that_refuses_says_whether_for_good(answer: str, permanent: bool) -> None:
    with MailPeer() as peer:
        for attribute in ("refuses_recipients", "refuses_mail"):
            setattr(peer, attribute, answer)
            with pytest.raises(DeliveryFailed) as failed:
                mailer(peer.port).send(message(), "")
            assert failed.value.permanent == permanent
            setattr(peer, attribute, "")


def test_without_starttls_no_password_leaves(papers: Papers) -> None:
    with MailPeer() as peer:
        with pytest.raises(DeliveryFailed, match="no STARTTLS"):
            mailer(peer.port, papers, user="u", password="p").send(message(), "")
        assert peer.mails == []


def test_a_wrong_password_is_refused_for_good(papers: Papers) -> None:
    certificate = (papers.path("server.pem"), papers.path("server.key"))
    with MailPeer(certificate, password="p") as peer, pytest.raises(DeliveryFailed) as failed:
        mailer(peer.port, papers, user="u", password="wrong").send(message(), "")
    assert failed.value.permanent
    assert "wrong" not in str(failed.value)


def test_no_mail_server_may_be_there_later() -> None:
    with pytest.raises(DeliveryFailed, match="does not answer") as failed:
        mailer(free_port()).send(message(), "")
    assert not failed.value.permanent


# --- Console and what a receiver needs -------------------------------------------------------------------


def test_the_console_acts_on_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Console().send(message(title="x\x1b[2Jy", lines=("a\nb",)), "")
    assert capsys.readouterr().out == "alert      CRITICAL: xy\n           a b\n"


@pytest.mark.parametrize(
    ("channel", "environ", "said"),
    [
        pytest.param({"slack": {}}, {}, "SLACK_WEBHOOK_URL", id="slack"),
        pytest.param({"slack": {"channel": "#a"}}, {"SLACK_BOT_TOKEN": "x"}, "Slack #a", id="slack bot"),
        pytest.param(
            {"slack": {}}, {"SLACK_WEBHOOK_URL": "https://x"}, "Slack, by a webhook", id="slack hook"
        ),
        pytest.param({"email": {}}, {"SMTP_HOST": "h"}, "ALERT_EMAIL_FROM", id="no sender"),
        pytest.param(
            {"email": {}},
            {"SMTP_HOST": "h", "ALERT_EMAIL_FROM": "a@b", "ALERT_EMAIL_TO": "c@d, e@f"},
            "e-mail to c@d, e@f",
            id="mail",
        ),
        pytest.param(
            {"email": {"host": "h", "sender": "a@b\nBcc: x@y", "to": "c@d"}},
            {},
            "no e-mail address",
            id="a header",
        ),
        pytest.param(
            {"email": {"host": "h", "sender": "a@b", "to": "c@d", "security": "none"}},
            {"SMTP_USER": "u"},
            "in the clear",
            id="a password in the clear",
        ),
        pytest.param({"webhook": {"url_env": "HOOK"}}, {}, "HOOK", id="no address"),
        pytest.param({"webhook": {"url": "https://h/x", "secret_env": "KEY"}}, {}, "KEY", id="no key"),
        pytest.param({"pagerduty": {}}, {}, "PAGERDUTY_ROUTING_KEY", id="pager"),
        pytest.param({"console": {}}, {}, "the console", id="console"),
    ],
)
def test_a_receiver_takes_its_secrets_from_the_environment(
    channel: dict[str, Any], environ: dict[str, str], said: str
) -> None:
    receiver = Receiver.model_validate({"name": "r"} | channel)
    try:
        told = make(receiver, environ, ManualClock()).where
    except UsageError as error:
        told = str(error)
    assert said in told


def test_the_file_of_authorities_is_that_of_the_environment(papers: Papers, tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": papers.path("ca.pem")}
    with MailPeer((papers.path("server.pem"), papers.path("server.key"))) as peer:
        email = {"host": "127.0.0.1", "port": peer.port, "sender": "a@b.org", "to": "c@d.org"}
        receiver = Receiver.model_validate({"name": "r", "email": email})
        make(receiver, environ, ManualClock()).send(message(), "")
        assert len(peer.mails) == 1


@pytest.mark.parametrize("to", ["ops", "@x", "ö@x.de", "a@ö.de", "a@b\r\nBcc: c@d.de"])
def test_an_address_that_no_server_takes_is_told_before_anything_is_sent(to: str) -> None:
    receiver = Receiver.model_validate({"name": "m", "email": {"host": "h", "sender": "a@b.de", "to": [to]}})
    with pytest.raises(UsageError, match="is no e-mail address"):
        make(receiver, {}, ManualClock())


@pytest.mark.parametrize(
    ("url", "given"),
    [
        pytest.param(
            "http://127.0.0.1:1/", {"ALL_PROXY": "socks5://127.0.0.1:1"}, id="a proxy that needs more"
        ),
        pytest.param("http://127.0.0.1:1/", {"HTTP_PROXY": "odd://x"}, id="a proxy that is none"),
        pytest.param("https://127.0.0.1:1/", {"SSL_CERT_FILE": "/nowhere.pem"}, id="no certificates"),
        pytest.param(f"http://{'a' * 70}.de/", {}, id="a host that is none"),
        pytest.param("http://[bad/", {}, id="an address that is none"),
    ],
)
def test_what_a_library_cannot_take_is_a_message_not_taken(
    monkeypatch: pytest.MonkeyPatch, url: str, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    receiver = Receiver.model_validate({"name": "w", "webhook": {"url_env": "HOOK"}})
    channel = make(receiver, {"HOOK": url}, ManualClock())
    assert channel.where
    with pytest.raises(DeliveryFailed):
        channel.send(message(), "")


def test_a_token_that_is_none_is_not_told() -> None:
    receiver = Receiver.model_validate({"name": "s", "slack": {"channel": "#c"}})
    with pytest.raises(DeliveryFailed, match=r"it cannot be sent \(UnicodeEncodeError\)"):
        make(receiver, {"SLACK_BOT_TOKEN": "geheim-é"}, ManualClock()).send(message(), "")


def test_a_peer_that_never_ends_costs_its_time_and_no_more() -> None:
    """It takes the connection and says nothing, or a byte now and then: the limits of one read never end that."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(host="127.0.0.1", port=silent.getsockname()[1], security="none")
        channel = Bounded(Email(server, "a@b.de", ("c@d.de",), ManualClock()), within_s=0.2)
        with pytest.raises(DeliveryFailed, match="did not end within") as failed:
            channel.send(message(), "")
    assert failed.value.retry_after_s == 60
