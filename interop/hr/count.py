"""Reads everything an agency has over the console's own API and tells how often each number is there, and how it stands.

usage: count.py CONSOLE_URL LOGIN PASSWORD AGENCY
"""

import collections
import json
import sys

from httpx2 import Client


def main(console, login, password, agency):
    http = Client(base_url=console, timeout=30)
    session = http.post("/api/v1/console/session", json={"login": login, "password": password})
    session.raise_for_status()
    http.headers["Authorization"] = f"Bearer {session.json()['token']}"
    seen, statuses, after = collections.Counter(), collections.Counter(), None
    while True:
        query = {"agency": agency, "limit": 100} | ({"after": after} if after else {})
        page = http.get("/api/v1/console/employees", params=query)
        page.raise_for_status()
        page = page.json()
        for employee in page["employees"]:
            if employee["number"].startswith("PUSH"):
                seen[employee["number"]] += 1
                statuses[employee["status"]] += 1
        after = page.get("next")
        if after is None:
            break
    print(json.dumps({"people": len(seen), "twice": [n for n, times in seen.items() if times > 1], **statuses}))


if __name__ == "__main__":
    main(*sys.argv[1:5])
