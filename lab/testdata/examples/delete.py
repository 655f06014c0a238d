"""Delete a node from the networks that the arguments name."""

import os
import sys

import requests

api = requests.Session()
api.headers["Authorization"] = "Bearer " + os.environ["TOKEN"]

for network in sys.argv[1:]:
    url = f"{os.environ['ORRERY']}/network/{network}/member/{os.environ['MEMBER_ID']}"
    answer = api.delete(url, timeout=10)
    answer.raise_for_status()
    print(network, answer.status_code, answer.json())
