# Export the members of a network as CSV: id, when the member was last seen in ms
# since 1970, where it is, its first address on the network, its name.
curl --fail --silent --show-error --header "Authorization: token $TOKEN" "$ORRERY/network/$NWID/member" |
  jq -r '.[] | [.id, .lastSeen, .physicalAddress, .ipAssignments[0], .name] | @csv'
