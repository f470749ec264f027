#!/bin/sh
# Adobe Target inside a test, from any language: everything here is HTTP. Starts a sandbox, does what a shop does, and looks at
# what came of it. QUIVER is how quiver is called here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
log=$(mktemp)
# shellcheck disable=SC2086
QUIVER_ADMIN_TOKEN=a-token-for-this-test ${QUIVER:-quiver} sandbox --port 0 --client shop \
  --seed "$here/people.yaml" --now 2026-01-01T00:00:00Z --ids seed:42 > "$log" &
sandbox=$!
trap 'kill $sandbox 2>/dev/null; wait $sandbox 2>/dev/null; rm -f "$log"' EXIT
until grep -q '^Console' "$log"; do kill -0 $sandbox; sleep 0.05; done
url=$(sed -n 's/^API *//p' "$log")

handle() { # handle METHOD PATH [JSON]
  curl -sf -X "$1" -H 'Authorization: Bearer a-token-for-this-test' "$url/sandbox$2" ${3:+-d "$3"}
}
visit() { # visit ID PARAMETERS
  curl -sf "$url/rest/v1/delivery?client=shop&sessionId=s1" \
    -d '{"context":{"channel":"web"},"id":'"$1"',"execute":{"pageLoad":{"profileParameters":'"$2"'}}}'
}
customer() { curl -s "$url/rest/v1/profiles/thirdPartyId/$1?client=shop"; }
update() { # prints the status
  curl -s -o /dev/null -w '%{http_code}' -X POST "$url/m2/shop/profile/update?mbox3rdPartyId=$1&profile.plan=$2"
}
has() { # has TEXT WHAT: the text that comes in must have it
  text=$(cat)
  case $text in *"$1"*) echo "ok      $2" ;; *) echo "FAILED  $2: $text"; exit 1 ;; esac
}

# Sign-in, and the merge that comes of it
tnt=$(visit '{}' '{"lastSeen":"shoes"}' | sed -E 's/.*"tntId":"([^"]*)".*/\1/')
visit '{"tntId":"'"$tnt"'","thirdPartyId":"crm-1"}' '{}' | has '"thirdPartyId":"crm-1"' 'a visitor signs in'
customer crm-1 | has '"lastSeen":{"value":"shoes"' 'what the visitor did joins the customer'
handle GET '/requests?route=visit&id=crm-1' | has '"what":"merged"' 'the journal tells of the merge'

# An expired profile
handle DELETE /state
handle POST /clock/advance '{"by":"P14D"}' | has '2026-01-15' 'two weeks pass'
customer crm-1 | has '"status":404' 'a customer who stays away is forgotten'

# A 503, tried again
handle DELETE /state
handle POST /faults '{"route":"update","times":1,"status":503}' | has '"id"' 'Target is busy once'
echo "$(update crm-1 black) $(update crm-1 black)" | has '503 200' 'the second try is taken'
handle GET '/requests/count?route=update' | has '"count":2' 'the journal counts both'

# A lost row of a batch
handle PUT /weather '{"lostRows":1}' | has '"lostRows":1' 'rows get lost'
printf 'batch=thirdPartyId,plan\ncrm-2,blue\n' |
  curl -sf --data-binary @- "$url/m2/shop/v2/profile/batchUpdate" | has '<success>true</success>' 'a batch is accepted'
handle POST /clock/advance '{"by":"PT1M"}' | has 'now' 'it is applied'
customer crm-2 | has '"status":404' 'its row is lost'

# A delayed update
handle DELETE /state
handle PUT /weather '{"updatesVisibleAfter":"PT24H"}' | has 'PT24H' 'updates take a day'
update crm-1 black | has 200 'an update is answered at once'
customer crm-1 | has '"value":"gold"' 'it does not show yet'
handle POST /clock/advance '{"by":"PT24H"}' | has '2026-01-02' 'a day passes'
customer crm-1 | has '"value":"black"' 'it shows'
