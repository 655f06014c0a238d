package netconf

import "github.com/orrery-net/orrery/zt/identity"

// What nodes hold while they put configurations together (protocol 05 §3.2).
const (
	assemblySlots = 3
	maxChunks     = 474 // of one configuration
)

// Reassembly puts the chunks of one network's configurations together, as nodes
// do: three configurations at a time, chunks in any order, duplicates ignored.
// The zero value is ready. It is not safe for concurrent use.
//
// It needs no more memory than the chunks it was given announce, which only the
// controller can make it take: at most three configurations of the greatest
// length.
type Reassembly struct {
	slots [assemblySlots]assembly
	clock uint64 // counts chunks
}

// assembly is one configuration that is being put together. What was completed
// stays known by its chunks, so that a replay is not taken for something new.
type assembly struct {
	updateID uint64
	touched  uint64 // by the clock; 0: never used
	seen     map[[identity.SignatureLen]byte]struct{}
	received int // bytes
	data     []byte
}

// Add takes a chunk, from whichever peer, and verifies that controller signed
// it. It returns the whole configuration when this was its last chunk. Chunks
// without a signature are refused.
func (a *Reassembly) Add(c Chunk, controller *identity.Identity) (Dictionary, bool) {
	if len(c.Signature) != identity.SignatureLen {
		return nil, false
	}
	slot := a.slot(c.UpdateID)
	id := [identity.SignatureLen]byte(c.Signature)
	if slot.updateID == c.UpdateID {
		if _, duplicate := slot.seen[id]; duplicate || len(slot.seen) == maxChunks {
			return nil, false
		}
	}
	if !c.Verify(controller) || uint64(c.Offset)+uint64(len(c.Data)) > uint64(c.Total) || c.Total >= maxDictionaryLen {
		return nil, false
	}
	if slot.updateID != c.UpdateID || slot.seen == nil {
		*slot = assembly{updateID: c.UpdateID, seen: make(map[[identity.SignatureLen]byte]struct{})}
	}
	a.clock++
	slot.touched = a.clock
	slot.seen[id] = struct{}{}
	return slot.add(c)
}

// slot returns the slot of an update, or the one to use for it: the one that was
// used longest ago.
func (a *Reassembly) slot(updateID uint64) *assembly {
	oldest := &a.slots[0]
	for i := range a.slots {
		slot := &a.slots[i]
		if slot.updateID == updateID && slot.seen != nil {
			return slot
		}
		if slot.touched < oldest.touched {
			oldest = slot
		}
	}
	return oldest
}

func (s *assembly) add(c Chunk) (Dictionary, bool) {
	if len(s.data) < int(c.Total) {
		s.data = append(s.data, make([]byte, int(c.Total)-len(s.data))...)
	}
	copy(s.data[c.Offset:], c.Data)
	s.received += len(c.Data)
	if s.received != int(c.Total) {
		return nil, false
	}
	whole := s.data[:c.Total]
	s.data = nil
	return whole, true
}
