# Export all networks as CSV: id, name, description, number of members, time of
# creation in ms since 1970, and the ends of the first pool of addresses.
curl --fail --silent --show-error --header "Authorization: token $TOKEN" "$ORRERY/network" |
  jq -r '.[] | [
    .id, .config.name, .config.description, .totalMemberCount, .config.creationTime,
    .config.ipAssignmentPools[0].ipRangeStart, .config.ipAssignmentPools[0].ipRangeEnd
  ] | @csv'
