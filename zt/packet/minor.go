package packet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

// The verbs in this file are read for logs only; an endpoint of ours does not
// act on them (protocol 02 §6.17 and §6.18).

// Ack is the payload of ACK: bytes received over one link of a bond.
type Ack struct{ Bytes uint32 }

// ParseAck reads the payload.
func ParseAck(payload []byte) (Ack, error) {
	f := read(payload)
	return Ack{f.Uint32()}, f.reading("ACK")
}

// Append writes the payload to b.
func (a Ack) Append(b []byte) []byte { return binary.BigEndian.AppendUint32(b, a.Bytes) }

// QoS is the payload of QOS_MEASUREMENT: when packets were received over one link
// of a bond.
type QoS struct{ Records []QoSRecord }

// QoSRecord is about one packet.
type QoSRecord struct {
	ID      uint64
	Holding uint16 // ms between receiving the packet and sending this record
}

const (
	qosRecordLen = 10
	qosMaxLen    = 1400
)

// ParseQoS reads the payload. A piece of a record at the end is ignored.
func ParseQoS(payload []byte) (QoS, error) {
	if len(payload) > qosMaxLen {
		return QoS{}, fmt.Errorf("reading QOS_MEASUREMENT: %d bytes, at most %d are allowed", len(payload), qosMaxLen)
	}
	var q QoS
	for f := read(payload); len(f.Rest) >= qosRecordLen; {
		q.Records = append(q.Records, QoSRecord{f.Uint64(), f.Uint16()})
	}
	return q, nil
}

// Append writes the payload to b.
func (q QoS) Append(b []byte) []byte {
	for _, r := range q.Records {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(b, r.ID), r.Holding)
	}
	return b
}

// PathNegotiationRequest is the payload of PATH_NEGOTIATION_REQUEST: how much the
// sender of a bond prefers this link.
type PathNegotiationRequest struct{ Utility int16 }

// ParsePathNegotiationRequest reads the payload.
func ParsePathNegotiationRequest(payload []byte) (PathNegotiationRequest, error) {
	f := read(payload)
	return PathNegotiationRequest{int16(f.Uint16())}, f.reading("PATH_NEGOTIATION_REQUEST")
}

// Append writes the payload to b.
func (m PathNegotiationRequest) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(b, uint16(m.Utility))
}

// UserMessage is the payload of USER_MESSAGE.
type UserMessage struct {
	Type uint64 // up to 65535 reserved to ZeroTier
	Data []byte
}

// ParseUserMessage reads the payload, whose memory Data shares.
func ParseUserMessage(payload []byte) (UserMessage, error) {
	f := read(payload)
	return UserMessage{f.Uint64(), f.Rest}, f.reading("USER_MESSAGE")
}

// Append writes the payload to b.
func (m UserMessage) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, m.Type), m.Data...)
}

// RemoteTrace is the payload of REMOTE_TRACE: dictionaries, each ended by a zero.
type RemoteTrace []byte

// Dictionaries yields the dictionaries without their zeros. Empty ones and what
// has no zero behind it are left out.
func (t RemoteTrace) Dictionaries() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := []byte(t); ; {
			dictionary, after, found := bytes.Cut(rest, []byte{0})
			if !found || len(dictionary) > 0 && !yield(dictionary) {
				return
			}
			rest = after
		}
	}
}
