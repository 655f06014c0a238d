package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/salsa20"
)

const (
	// workLen is the memory that the proof of work takes, in bytes.
	workLen   = 2 << 20
	workWords = workLen / 8
	mixRounds = workWords / 2
	// workBound is what the first byte of the digest must stay under.
	workBound    = 17
	cipherRounds = 20
	blockLen     = salsa20.BlockLen
)

var workMemory = sync.Pool{New: func() any { return new([workLen]byte) }}

// workDigest is the memory-hard digest of a public key (protocol 01 §2), about
// 10 ms of CPU.
func workDigest(public *[keyLen]byte) (digest [sha512.Size]byte) {
	memory := workMemory.Get().(*[workLen]byte)
	defer workMemory.Put(memory)
	digest = sha512.Sum512(public[:])
	key, iv := [32]byte(digest[:32]), [8]byte(digest[32:40])
	fill(memory, &key, &iv)
	mix(memory, &digest, &key, &iv, mixRounds)
	return digest
}

// fill writes keystream to the memory, each block added to the one before it.
func fill(memory *[workLen]byte, key *[32]byte, iv *[8]byte) {
	clear(memory[:])
	salsa20.XORKeyStream(memory[:], memory[:], key, iv, 0, cipherRounds)
	for at := blockLen; at < workLen; at += blockLen {
		xorBlock((*[blockLen]byte)(memory[at:]), (*[blockLen]byte)(memory[at-blockLen:]))
	}
}

// mix swaps words between memory and digest as the memory itself says, and adds
// a block of keystream to the digest after each swap.
func mix(memory *[workLen]byte, digest *[sha512.Size]byte, key *[32]byte, iv *[8]byte, rounds int) {
	// Keystream comes in pieces: the cipher is fastest with many blocks at once.
	var piece [64 * blockLen]byte
	counter, at := uint64(workLen/blockLen), len(piece)
	for i := 0; i < 2*rounds; i += 2 {
		if at == len(piece) {
			clear(piece[:])
			salsa20.XORKeyStream(piece[:], piece[:], key, iv, counter, cipherRounds)
			counter, at = counter+uint64(len(piece)/blockLen), 0
		}
		mine := binary.BigEndian.Uint64(memory[8*i:]) % (sha512.Size / 8) * 8
		other := binary.BigEndian.Uint64(memory[8*i+8:]) % workWords * 8
		a := binary.NativeEndian.Uint64(digest[mine:])
		b := binary.NativeEndian.Uint64(memory[other:])
		binary.NativeEndian.PutUint64(digest[mine:], b)
		binary.NativeEndian.PutUint64(memory[other:], a)
		xorBlock(digest, (*[blockLen]byte)(piece[at:]))
		at += blockLen
	}
}

// xorBlock adds b to out.
func xorBlock(out, b *[blockLen]byte) {
	for i := 0; i < blockLen; i += 8 {
		binary.NativeEndian.PutUint64(out[i:], binary.NativeEndian.Uint64(out[i:])^binary.NativeEndian.Uint64(b[i:]))
	}
}

// Validate checks that the address is allowed and was earned by this public key
// (protocol 01 §4). It costs about 10 ms of CPU: bound how often strangers can
// cause it.
func (id *Identity) Validate() error {
	if id.address.IsReserved() {
		return fmt.Errorf("identity: address %s is reserved", id.address)
	}
	digest := workDigest(&id.public)
	if digest[0] >= workBound {
		return errors.New("identity: the key lacks the proof of work")
	}
	if addressIn(&digest) != id.address {
		return errors.New("identity: the address does not belong to the key")
	}
	return nil
}

// Generate makes a new identity, with all processors at work for a second or
// two. It fails when ctx ends or the system has no randomness.
func Generate(ctx context.Context) (*Identity, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := runtime.GOMAXPROCS(0)
	type result struct {
		id  *Identity
		err error
	}
	results := make(chan result, workers)
	for range workers {
		go func() {
			id, err := search(ctx)
			results <- result{id, err}
		}()
	}
	first := <-results
	stop()
	for range workers - 1 {
		<-results
	}
	return first.id, first.err
}

// search tries keys until one has an address or ctx ends.
func search(ctx context.Context) (*Identity, error) {
	var raw [keyLen]byte
	if _, err := rand.Read(raw[agreementLen:]); err != nil {
		return nil, fmt.Errorf("draw a private key: %w", err)
	}
	for ctx.Err() == nil {
		if _, err := rand.Read(raw[:agreementLen]); err != nil {
			return nil, fmt.Errorf("draw a private key: %w", err)
		}
		private, err := newPrivateKey(raw)
		if err != nil {
			return nil, err
		}
		public := private().public()
		digest := workDigest(&public)
		address := addressIn(&digest)
		if digest[0] < workBound && !address.IsReserved() {
			id := newIdentity(address, public)
			id.private = private
			return id, nil
		}
	}
	return nil, fmt.Errorf("generate an identity: %w", ctx.Err())
}

// addressIn is the address that a digest yields: its last bytes.
func addressIn(digest *[sha512.Size]byte) zt.Address {
	return zt.AddressFrom(digest[sha512.Size-zt.AddressLen:])
}
