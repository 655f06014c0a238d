package packet

import (
	"fmt"
	"testing"
)

// benchmarkSizes are those of an empty ECHO, an OK to HELLO and a full datagram.
var benchmarkSizes = []int{HeaderLen, 100, 1400}

var cipherNames = map[Cipher]string{CipherNone: "none", CipherSalsa: "salsa", CipherAES: "aes"}

func BenchmarkSeal(b *testing.B) {
	k := NewKey([48]byte{1})
	for _, c := range []Cipher{CipherNone, CipherSalsa, CipherAES} {
		for _, size := range benchmarkSizes {
			b.Run(fmt.Sprintf("%s/%d", cipherNames[c], size), func(b *testing.B) {
				p := append(New(make([]byte, 0, MTU), 1, 2, VerbEcho), make([]byte, size-HeaderLen)...)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					k.Seal(p, c)
				}
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := NewKey([48]byte{1})
	for _, c := range []Cipher{CipherNone, CipherSalsa, CipherAES} {
		for _, size := range benchmarkSizes {
			b.Run(fmt.Sprintf("%s/%d", cipherNames[c], size), func(b *testing.B) {
				sealed := append(New(make([]byte, 0, MTU), 1, 2, VerbEcho), make([]byte, size-HeaderLen)...)
				k.Seal(sealed, c)
				p := make(Packet, size)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					copy(p, sealed)
					if err := k.Open(p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	p := make(Packet, 0, MTU)
	b.ReportAllocs()
	for b.Loop() {
		p = New(p, 1, 2, VerbEcho)
	}
}

func BenchmarkCompress(b *testing.B) {
	config := longestConfig(b)
	p := make(Packet, 0, MaxLen)
	b.ReportAllocs()
	b.SetBytes(int64(len(config)))
	for b.Loop() {
		p = Compress(append(New(p, 1, 2, VerbNetworkConfig), config...))
	}
}

func BenchmarkDecompress(b *testing.B) {
	config := longestConfig(b)
	p := Compress(append(New(nil, 1, 2, VerbNetworkConfig), config...))
	plain := make([]byte, 0, MaxLen)
	b.ReportAllocs()
	b.SetBytes(int64(len(config)))
	for b.Loop() {
		if _, err := Decompress(plain, p); err != nil {
			b.Fatal(err)
		}
	}
}

// longestConfig is the payload of the NETWORK_CONFIG among the vectors.
func longestConfig(b *testing.B) []byte {
	for _, c := range readVectors[packetFile](b, "packets.json").Packets {
		if c.Verb == VerbNetworkConfig.String() {
			return c.Payload
		}
	}
	b.Fatal("no NETWORK_CONFIG among the vectors")
	return nil
}

func BenchmarkParseHello(b *testing.B) {
	for _, c := range readVectors[packetFile](b, "packets.json").Packets {
		if c.Name == "hello_ipv4_no_moon" {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseHello(c.Payload); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}
