"""Python's http.client on one connection: prints the status and body of each answer, a line each."""

import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
UPDATE = "/m2/demo/profile/update?mbox3rdPartyId=python"


def ask(method, path, **options):
    connection.request(method, path, **options)
    answer = connection.getresponse()
    print(answer.status, answer.read().decode().strip())


ask("POST", UPDATE, body="profile.a=one")
ask("POST", UPDATE, body=iter([b"profile.b", b"=two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
ask("HEAD", "/rest/v1/profiles/thirdPartyId/python?client=demo")
ask("GET", "/rest/v1/profiles/nobody?client=demo")
