// Package netconf reads and writes what a controller and the members of its
// networks tell each other: configuration requests, configurations and the
// signed chunks they travel in, certificates, revocations, and flow rules on
// the wire and as JSON (protocol 05, 06, 07). Payloads begin behind a packet's
// verb byte.
//
// It holds no sockets and no clock and decides nothing: who is let in, with
// which address, is internal/controller's; what a member does with a
// configuration is zt/member's.
//
// Numbers on the wire are big-endian. Times are milliseconds since 1970, by the
// controller's clock. Functions named Append write to the end of a buffer and
// return it; functions named Parse take bytes from strangers: they never panic
// and never allocate more than a small multiple of what they were given. Parsed
// values may share memory with the bytes they were read from where their
// comments say so.
package netconf

// ConfigVersion is the version of the configuration format that is written and
// announced. Nodes require 6 or more (protocol 05 §4.1).
const ConfigVersion = 7

// What a node can hold (protocol 05 §4.4). Append functions leave out what goes
// beyond; nodes do not survive more than MaxCapabilities or MaxTags.
const (
	MaxRules              = 1024
	MaxCapabilities       = 128
	MaxRulesPerCapability = 64
	MaxTags               = 128
	MaxRoutes             = 128
	MaxAddresses          = 32
	MaxOwnerships         = 4
	MaxThings             = 16 // in one certificate of ownership
	MaxSpecialists        = 256
	MaxDNSServers         = 4
	MaxNameLen            = 127 // bytes
	MaxDomainLen          = 127 // bytes
	MaxQualifiers         = 8   // in one certificate of membership
	MaxCustody            = 7   // holders of one capability
)

// Sizes in bytes of the escaped form of dictionaries (protocol 05 §1.4).
const (
	MaxMetadataLen = 1023   // a request's metadata: what controllers read
	MaxConfigLen   = 400000 // a configuration: what every node takes
)

// The range of a network's MTU in bytes, and the value of networks that set
// none (protocol 05 §4.1).
const (
	MinMTU     = 1280
	MaxMTU     = 10000
	DefaultMTU = 2800
)
