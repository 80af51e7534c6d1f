#!/bin/sh
# A relying party with curl: ask, show the link, poll, read the result. See docs/integrate.md.
set -eu

base=${MAPAE_URL:-http://localhost:8600}
auth="Authorization: Bearer ${MAPAE_API_KEY:?set MAPAE_API_KEY to the key of your relying party}"

# The value of a member whose value is text, from a small JSON object.
member() { printf '%s\n' "$2" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

created=$(curl -fsS -X POST "$base/api/v1/verifications" -H "$auth" \
  -H 'Content-Type: application/json' -d '{"claims": ["name", "inst_code"]}')
id=$(member id "$created")

echo "Show this as a QR or a button, or send the person to the page:"
member link "$created"
member page "$created"

tries=0
while :; do
  result=$(curl -fsS "$base/api/v1/verifications/$id" -H "$auth")
  case $(member state "$result") in
    pending) tries=$((tries + 1)); [ "$tries" -lt 300 ] || { echo "nobody answered" >&2; exit 1; }; sleep 1 ;;
    verified) printf '%s\n' "$result"; exit 0 ;;
    *) printf '%s\n' "$result" >&2; exit 1 ;;
  esac
done
