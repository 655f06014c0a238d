package identity

import "testing"

func BenchmarkValidate(b *testing.B) {
	id := swarm(b, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := id.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAgree(b *testing.B) {
	ids := swarm(b, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ids[0].Agree(ids[1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	id := swarm(b, 1)[0]
	message := make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		id.Sign(message)
	}
}

func BenchmarkVerify(b *testing.B) {
	id := swarm(b, 1)[0]
	message := make([]byte, 500)
	signature := id.Sign(message)
	b.ReportAllocs()
	for b.Loop() {
		if !id.Verify(message, signature[:]) {
			b.Fatal("not verified")
		}
	}
}

func BenchmarkParsePublic(b *testing.B) {
	wire := swarm(b, 1)[0].AppendPublic(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParsePublic(wire); err != nil {
			b.Fatal(err)
		}
	}
}
