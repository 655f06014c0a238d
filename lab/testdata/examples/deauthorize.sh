# Put a member out; its name and addresses stay for when it is let in again.
curl --fail --silent --show-error --header "Authorization: token $TOKEN" \
  --data '{"config":{"authorized":false}}' "$ORRERY/network/$NWID/member/$MEMBER_ID"
