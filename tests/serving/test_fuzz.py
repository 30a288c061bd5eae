"""The API against requests that are made up from its own description."""

import contextlib

import pytest

from tests.serving.conftest import as_png, as_uri, draw_page, run

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")
checks = pytest.importorskip("schemathesis.checks")

checks.load_all_checks()
# Base64 of anything is allowed by the description, and is no picture for all that; a colour has its own check.
NOT_OF_US = ("positive_data_acceptance", "negative_data_rejection", "use_after_free", "ensure_resource_availability")
FEW = 3  # Requests of each operation in the default run.
MANY = 200


@pytest.fixture(scope="module")
def fuzzed_server(tiny_model, tiny_processor):
    """A tiny random model: what is read does not matter here."""
    options = {"max_new_tokens": 8, "upload_timeout_s": 5, "max_waiting": 4}
    with run(tiny_model, tiny_processor, model_name="tiny", num_decoders=1, **options) as running:
        yield running


def fuzz(server, num_examples):
    """Send made-up requests to each operation. Returns: how many of each status came back."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    excluded = [checks.CHECKS.get_one(name) for name in NOT_OF_US]
    counts = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in schemathesis.GenerationMode:

            @hypothesis.given(case=operation.as_strategy(mode))
            @hypothesis.settings(
                max_examples=num_examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            def check(case):
                response = case.call_and_validate(base_url=server.url, excluded_checks=excluded, timeout=60)
                counts[response.status_code] = counts.get(response.status_code, 0) + 1

            # An operation without parameters has nothing that could be wrong.
            with contextlib.suppress(hypothesis.errors.Unsatisfiable):
                check()
    return counts


def check_alive(server):
    with server.client() as client:
        answer = client.post("/v1/ocr", json={"image": as_uri(as_png(draw_page()))})
        assert answer.status_code == 200
    assert server.metric("got_ocr_requests_in_progress") == 0


def test_made_up_requests_get_what_the_description_says(fuzzed_server):
    counts = fuzz(fuzzed_server, FEW)

    assert sum(counts.values()) > 12
    assert not [status for status in counts if status >= 500]
    check_alive(fuzzed_server)


@pytest.mark.slow
def test_many_made_up_requests_get_what_the_description_says(fuzzed_server):
    counts = fuzz(fuzzed_server, MANY)
    print(dict(sorted(counts.items())))

    assert not [status for status in counts if status >= 500]
    check_alive(fuzzed_server)
