"""What an error of the API means: another attempt, none, or none ever; and whether it can have been billed."""

from __future__ import annotations

import pytest

from agents.model.failure import Refusal, judge

AGAIN, NOT, NEVER = "again", "not", "never"
CASES = [
    pytest.param(Refusal(400, "invalid_request_error", None, "said"), NOT, False, id="400"),
    pytest.param(Refusal(401, "authentication_error", None, "said"), NEVER, False, id="401"),
    pytest.param(Refusal(402, "billing_error", None, "said"), NEVER, False, id="402"),
    pytest.param(Refusal(403, "permission_error", None, "said"), NEVER, False, id="403"),
    pytest.param(Refusal(404, "not_found_error", None, "said"), NOT, False, id="404"),
    pytest.param(Refusal(413, "request_too_large", None, "said"), NOT, False, id="413"),
    pytest.param(Refusal(429, "rate_limit_error", None, "said"), AGAIN, False, id="429"),
    pytest.param(
        Refusal(429, "rate_limit_error", "enforced_spend_limit_reached", "said"), NEVER, False, id="limit"
    ),
    pytest.param(Refusal(500, "api_error", None, "said"), AGAIN, True, id="500"),
    pytest.param(Refusal(503, None, None, "said"), AGAIN, True, id="503 without a body"),
    pytest.param(Refusal(529, "overloaded_error", None, "said"), AGAIN, True, id="529"),
    pytest.param(Refusal(200, "overloaded_error", None, "said"), AGAIN, True, id="in a stream"),
    pytest.param(Refusal(200, "some_new_error", None, "said"), NOT, True, id="in a stream, unknown"),
]


@pytest.mark.parametrize(("refusal", "then", "billed"), CASES)
def test_each_status(refusal: Refusal, then: str, billed: bool) -> None:
    failure = judge(refusal)
    assert (failure.retry, failure.for_good) == (then == AGAIN, then == NEVER)
    assert failure.billed == billed
    assert "said" in failure.reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), (None, None)],
)
def test_the_time_to_wait(header: str | None, seconds: float | None) -> None:
    assert judge(Refusal(429, "rate_limit_error", None, "", header)).wait_s == seconds
