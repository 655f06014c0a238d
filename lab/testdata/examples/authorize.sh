# Let a member in. --data sends a form's content type, which does not matter.
curl --fail --silent --show-error --header "Authorization: token $TOKEN" \
  --data '{"config":{"authorized":true}}' "$ORRERY/network/$NWID/member/$MEMBER_ID"
