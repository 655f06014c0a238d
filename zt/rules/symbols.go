package rules

import "github.com/orrery-net/orrery/zt/rules/ruleset"

var etherTypes, ipProtocols, characteristics = ruleset.EtherTypes, ruleset.IPProtocols, ruleset.Characteristics
