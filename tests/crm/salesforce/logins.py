"""The logins of an External Client App, for the double of Salesforce.

Ours, written from Salesforce's public documentation; it never saw the live service.
"""

import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256


class Logins:
    """`client` is the app's id and secret, `public_keys` what it knows of users: name -> key."""

    def __init__(self, url):
        self.url = url
        self.client = ("app-id", "app-secret")
        self.public_keys = {}
        self.tokens = set()
        self.asked = []

    def answered(self, form):
        told = {name: values[0] for name, values in form.items()}
        self.asked.append(told)
        if told.get("grant_type") == "client_credentials":
            known = (told.get("client_id"), told.get("client_secret")) == self.client
        else:
            known = "jwt-bearer" in told.get("grant_type", "") and self._is_signed(told)
        if not known:
            refused = {"error": "invalid_grant", "error_description": "authentication failure"}
            return 400, refused, "application/json"
        token = f"00D5f!{len(self.asked)}.secret-token"
        self.tokens.add(token)
        # The host that it names is not the one to be trusted.
        answer = {"access_token": token, "instance_url": "https://elsewhere.example"}
        return 200, answer | {"token_type": "Bearer"}, "application/json"

    def _is_signed(self, told):
        try:
            head, claims, signature = told["assertion"].split(".")
            sure = json.loads(_decoded(claims))
            key = self.public_keys[sure["sub"]]
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        except (KeyError, ValueError, InvalidSignature):
            return False
        is_rs256 = json.loads(_decoded(head))["alg"] == "RS256"
        is_in_time = 0 < sure["exp"] - time.time() <= 180
        return is_rs256 and is_in_time and (sure["iss"], sure["aud"]) == (self.client[0], self.url)


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
