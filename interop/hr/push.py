"""An HR system as PyPI scim2-client makes it: hires, moves, leaves and retirements, pushed until all of them are done.

usage: push.py URL TOKEN AGENCY OTHER_AGENCY FIRST COUNT

It remembers nothing: whatever a killed run left is found by externalId and gone on with. It prints one line for every
hundredth person, so that the judge can kill it, or the server, in the middle.
"""

import sys
import time

from httpx2 import Client
from scim2_client import RequestNetworkException
from scim2_client import SCIMClientException
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp
from scim2_models import PatchOperation
from scim2_models import SCIMException
from scim2_models import SearchRequest

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OFFICIAL = "urn:mapae:params:scim:schemas:extension:1.0:Official"


def again(call):
    """A network that is away is tried again for a minute; what the server refused is told."""
    for _ in range(240):
        try:
            return call()
        except RequestNetworkException:
            time.sleep(0.25)
    raise SystemExit("the server stayed away for a minute")


def main(url, token, agency, other, first, count):
    http = Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    scim = SyncSCIMClient(http)
    again(scim.discover)
    user_model = scim.get_resource_model("User")

    def found(number):
        request = SearchRequest(filter=f'externalId eq "push-{number}"')
        listed = again(lambda: scim.query(user_model, query_parameters=request))
        return (listed.resources or [None])[0]

    def status(user):
        return user.model_dump()[OFFICIAL]["employmentStatus"]

    def change(user, **values):
        operations = [
            PatchOperation(op=PatchOperation.Op.replace_, path=f"{OFFICIAL}:{name}", value=value)
            for name, value in values.items()
        ]
        patch = PatchOp[user_model](operations=operations)
        return again(lambda: scim.modify(user_model, user.id, patch))

    for n in range(first, first + count):
        number = f"PUSH{n:06}"
        user = found(number)
        if user is None:
            hire = user_model.model_validate(
                {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE, OFFICIAL],
                    "externalId": f"push-{number}",
                    "userName": number,
                    "name": {"formatted": f"김예시{n}"},
                    "active": True,
                    "phoneNumbers": [{"value": f"010-9{n // 10000:03}-{n % 10000:04}", "type": "mobile"}],
                    ENTERPRISE: {"employeeNumber": number},
                    OFFICIAL: {
                        "agency": agency,
                        "departmentCode": f"HR{n % 7}",
                        "employmentStatus": "serving",
                        "birthDate": "1980-01-01",
                    },
                }
            )
            try:
                user = again(lambda: scim.create(hire))
            except (SCIMClientException, SCIMException):
                # The hire of a run that was killed before it heard the answer.
                user = found(number)
                if user is None:
                    raise
        match n % 4:
            case 1:
                change(user, departmentCode="HR-MOVED")
            case 2:
                change(user, agency=other, departmentCode="HR-OTHER")
            case 3 if status(user) != "retired":
                change(user, employmentStatus="retired")
        if (n - first) % 100 == 99:
            print(n - first + 1, flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6]))
