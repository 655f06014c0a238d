package salsa20

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

//go:embed testdata/primitives.json
var primitives []byte

func TestKeystream(t *testing.T) {
	var vectors struct {
		Salsa20 []struct {
			Key  string `json:"key_hex"`
			IV   string `json:"iv_hex"`
			By12 string `json:"keystream12_200_hex"`
			By20 string `json:"keystream20_200_hex"`
		}
	}
	if err := json.Unmarshal(primitives, &vectors); err != nil || len(vectors.Salsa20) == 0 {
		t.Fatal("no vectors:", err)
	}
	for i, v := range vectors.Salsa20 {
		key, iv := [32]byte(unhex(t, v.Key)), [8]byte(unhex(t, v.IV))
		for rounds, want := range map[int][]byte{12: unhex(t, v.By12), 20: unhex(t, v.By20)} {
			t.Run(fmt.Sprintf("%d/rounds=%d", i, rounds), func(t *testing.T) {
				got := make([]byte, len(want))
				XORKeyStream(got, got, &key, &iv, 0, rounds)
				if !bytes.Equal(got, want) {
					t.Errorf("XORKeyStream:\n got %x\nwant %x", got, want)
				}
				clear(got)
				c := New(&key, &iv, rounds)
				c.XOR(got)
				if !bytes.Equal(got, want) {
					t.Errorf("Cipher.XOR:\n got %x\nwant %x", got, want)
				}
				clear(got)
				XORKeyStream(got[BlockLen:], got[BlockLen:], &key, &iv, 1, rounds)
				if !bytes.Equal(got[BlockLen:], want[BlockLen:]) {
					t.Errorf("from block 1:\n got %x\nwant %x", got[BlockLen:], want[BlockLen:])
				}
			})
		}
	}
}

// With 20 rounds, Cipher and XORKeyStream are different programs.
func TestBothImplementationsAgree(t *testing.T) {
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	for range 2000 {
		var key [32]byte
		var iv [8]byte
		source.Read(key[:])
		source.Read(iv[:])
		plain := make([]byte, random.IntN(700))
		source.Read(plain)
		counter := random.Uint64() >> random.IntN(64)
		if random.IntN(4) == 0 {
			counter = 1<<32 - random.Uint64N(5) // the carry into the high word
		}

		fast := make([]byte, len(plain))
		XORKeyStream(fast, plain, &key, &iv, counter, 20)
		plainest := New(&key, &iv, 20)
		plainest.Seek(counter)
		slow := bytes.Clone(plain)
		plainest.XOR(slow)
		if !bytes.Equal(fast, slow) {
			t.Fatalf("%d bytes from block %d differ", len(plain), counter)
		}
	}
}

func TestLeftOverKeystreamIsDropped(t *testing.T) {
	key, iv := [32]byte{1}, [8]byte{2}
	var blocks [2 * BlockLen]byte
	XORKeyStream(blocks[:], blocks[:], &key, &iv, 0, 12)

	c := New(&key, &iv, 12)
	c.XOR(make([]byte, 1))
	var next [BlockLen]byte
	c.Block(&next)
	if !bytes.Equal(next[:], blocks[BlockLen:]) {
		t.Error("after one byte the next step does not start with block 1")
	}
}

func TestDestinationMayBeLonger(t *testing.T) {
	key, iv := [32]byte{1}, [8]byte{2}
	for _, rounds := range []int{12, 20} {
		dst := make([]byte, 100)
		XORKeyStream(dst, make([]byte, 70), &key, &iv, 0, rounds)
		if !bytes.Equal(dst[70:], make([]byte, 30)) {
			t.Errorf("%d rounds: bytes behind the end were written", rounds)
		}
		XORKeyStream(dst, nil, &key, &iv, 0, rounds)
	}
}

func TestNoAllocations(t *testing.T) {
	key, iv := [32]byte{1}, [8]byte{2}
	data := make([]byte, 1400)
	for _, rounds := range []int{12, 20} {
		if n := testing.AllocsPerRun(10, func() { XORKeyStream(data, data, &key, &iv, 0, rounds) }); n != 0 {
			t.Errorf("%d rounds: %v allocations", rounds, n)
		}
	}
}

func BenchmarkXORKeyStream(b *testing.B) {
	for _, size := range []int{BlockLen, 1400} {
		for _, rounds := range []int{12, 20} {
			b.Run(fmt.Sprintf("bytes=%d/rounds=%d", size, rounds), func(b *testing.B) {
				key, iv := [32]byte{1}, [8]byte{2}
				data := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					XORKeyStream(data, data, &key, &iv, 0, rounds)
				}
			})
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
