package central

import (
	"crypto/rand"
	"encoding/hex"
)

// TokenLen is the number of characters of a token that Orrery makes. Central's
// tokens have as many, and some clients insist on it.
const TokenLen = 32

// NewToken returns a random token of letters and digits, about 190 bits.
// Nothing is stored.
func NewToken() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	const fair = 256 - 256%len(alphabet) // bytes from here on would favor the first characters
	token := make([]byte, 0, TokenLen)
	var random [2 * TokenLen]byte
	for len(token) < TokenLen {
		rand.Read(random[:])
		for _, b := range random {
			if int(b) < fair && len(token) < TokenLen {
				token = append(token, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(token)
}

// newID returns a random UUID (RFC 9562 §5.4, version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
