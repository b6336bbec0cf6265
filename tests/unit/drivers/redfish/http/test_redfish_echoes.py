"""A password that a BMC refuses and repeats is in no error, and what the error means stays."""

import json

import pytest

from podium.drivers.redfish.http import answers

PASSWORD = "property-horse-Battery9"
MESSAGE_ID = "Base.1.8.PropertyValueFormatError"


@pytest.mark.parametrize(
    "said", [PASSWORD, PASSWORD[:16], PASSWORD.upper(), PASSWORD.encode().hex(), " ".join(PASSWORD)]
)
def test_no_form_of_it_is_in_the_words_or_the_arguments(said: str) -> None:
    message = {
        "MessageId": MESSAGE_ID,
        "Message": f"The value {said} is not allowed.",
        "MessageArgs": [said, "Password"],
    }
    body = {"error": {"code": "Base.1.8.GeneralError", "@Message.ExtendedInfo": [message]}}
    answer = answers.without(answers.Answer(400, {}, json.dumps(body).encode()), PASSWORD)
    refused = answers.refusal("BMC bmc7 refuses", answer)
    assert str(refused) == "BMC bmc7 refuses (HTTP 400): The value ****** is not allowed"
    assert refused.arguments == ("******", "Password")
    assert refused.messages == (MESSAGE_ID,)
