package original

import "strings"

func words(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// reserved are words that nothing can be named and, in lower case, that cannot be
// an argument (protocol 10 §3.1).
var reserved = words(`macro tag cap default drop accept tee watch redirect break priority
	ztsrc ztdest vlan vlanpcp vlandei ethertype macsrc macdest ipsrc ipdest iptos ipprotocol icmp sport dport chr
	framesize random tand tor txor tdiff teq tseq treq
	type enum class define import include log not xor or and set var let`)

// properties are names that every object of JavaScript has: the original finds
// them in all of its tables (Q26).
var properties = words(`constructor toString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString
	__proto__ __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__`)

func isProperty(word string) bool { return properties[word] }

func isReserved(word string) bool { return reserved[word] || isProperty(word) }

// IsName reports whether the original takes a word, in lower case, as the name of
// anything and wherever a name can stand. Strict mode takes more (protocol 10 §17,
// Q09, Q26).
func IsName(word string) bool { return isName(word) && !isReserved(word) }

// CanNameValue reports whether the original takes a word, in lower case, in the
// definition of a flag or enum. It may not take it in a match.
func CanNameValue(word string) bool { return isName(word) && !startsBlock(word) }

// startsBlock reports whether a word, wherever it stands, is taken for the
// beginning of a block (protocol 10 §16.1).
func startsBlock(word string) bool { return opensBlock[word] || isProperty(word) }
