"""parameters.yaml: each of its blocks is accepted when it is filled in, and an empty value is refused with the name of the parameter."""

import re

import pytest
import yaml
from botocore.exceptions import ClientError
from parameters import ISSUER, SECRET, SITE
from parameters_file import SOURCE, blocks, filled_in
from template import ROOT, source

VALUES = {
    "JwtJwksUrl": ISSUER + "jwks.json",
    "JwtIssuer": ISSUER,
    "JwtAudience": "livechat",
    "JwtSecretArn": SECRET("jwt"),
    "HmacSecretArn": SECRET("hmac"),
    "AuthorizerIssuer": ISSUER,
    "AuthorizerAudience": "livechat",
}
BLOCKS = blocks(SOURCE)


def test_every_mode_has_a_block():
    modes = [yaml.safe_load("\n".join(block))["Auth"] for block in BLOCKS]
    assert set(modes) == set(source()["Parameters"]["Auth"]["AllowedValues"]) and modes.count("jwt") == 2


def test_the_file_names_only_parameters_of_the_template():
    named = set(re.findall(r"^(?:# )?([A-Z]\w+): ", SOURCE, re.MULTILINE))
    assert named <= set(source()["Parameters"])


def test_only_one_block_is_active_and_the_processor_is_the_default():
    active = yaml.safe_load(SOURCE)
    # YAML takes the last of two values.
    assert len(re.findall(r"^Auth: ", SOURCE, re.MULTILINE)) == 1 and "JwtSecretArn" not in active
    assert active["Auth"] == "jwt" and active["Architecture"] == source()["Parameters"]["Architecture"]["Default"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[1].split(":")[0])
def test_a_filled_in_block_is_accepted_and_an_empty_value_is_refused(block, emulator):
    names = [line.split(":")[0] for line in block]
    own = {name: VALUES[name] for name in names if name in VALUES}
    empty = yaml.safe_load(filled_in(SOURCE, block, SITE))
    whole = yaml.safe_load(filled_in(SOURCE, block, SITE | own))
    assert all(isinstance(value, str) for value in whole.values()), "the SAM CLI would write a boolean as True"
    emulator.validate(whole)
    for name in own.keys() - {"JwtIssuer", "JwtAudience"}:  # with a shared secret, these two are optional
        with pytest.raises(ClientError, match=name):
            emulator.validate(whole | {name: ""})
    if own and "AuthorizerIssuer" not in own:  # without both, the site adds an authorizer of its own
        with pytest.raises(ClientError, match="|".join(own)):
            emulator.validate(empty)


@pytest.mark.parametrize("name", ["LiveChatClientId", "LiveChatOrganizationId", "LiveChatRedirectUri", "AllowedOrigins"])
def test_an_empty_value_of_the_first_part_is_refused(name, emulator):
    whole = yaml.safe_load(filled_in(SOURCE, BLOCKS[0], SITE | VALUES))
    with pytest.raises(ClientError, match=name):
        emulator.validate({key: value for key, value in whole.items() if key in source()["Parameters"]} | {name: ""})


def test_the_build_and_the_deployment_read_the_same_file():
    settings = (ROOT / "samconfig.toml").read_text()
    for command in ("build", "deploy"):
        part = settings.split(f"[default.{command}.parameters]")[1].split("\n[")[0]
        assert 'parameter_overrides = "file://parameters.yaml"' in part
