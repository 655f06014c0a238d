package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
)

// encode writes a record as it is stored. Unlike json.Marshal it leaves <, >
// and & in texts alone.
func encode(record any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return "", fmt.Errorf("encode a record: %w", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func decode[T any](text []byte) (*T, error) {
	record := new(T)
	if err := json.Unmarshal(text, record); err != nil {
		return nil, fmt.Errorf("a stored record is damaged: %w", err)
	}
	return record, nil
}

func decodeNetwork(text []byte) (*model.Network, error) {
	n, err := decode[model.Network](text)
	if err != nil {
		return nil, err
	}
	n.UI, n.TagsByName = withoutNull(n.UI), withoutNull(n.TagsByName)
	return n, nil
}

// withoutNull undoes that encoding/json writes a nil message as null and reads
// it back as the text.
func withoutNull(message json.RawMessage) json.RawMessage {
	if bytes.Equal(message, []byte("null")) {
		return nil
	}
	return message
}

func decodeHash(text string) (hash [32]byte, err error) {
	digest, err := hex.DecodeString(text)
	if err == nil && len(digest) != len(hash) {
		err = fmt.Errorf("%d bytes", len(digest))
	}
	if err != nil {
		return hash, fmt.Errorf("a stored hash is damaged: %w", err)
	}
	return [32]byte(digest), nil
}

func encodeVersion(v model.Version) string {
	text := make([]byte, 0, 16)
	for i, number := range []int{v.Major, v.Minor, v.Revision, v.Protocol} {
		if i > 0 {
			text = append(text, '.')
		}
		text = strconv.AppendInt(text, int64(number), 10)
	}
	return string(text)
}

func decodeVersion(text string) (model.Version, error) {
	var numbers [4]int
	fields := strings.Split(text, ".")
	if len(fields) != len(numbers) {
		return model.Version{}, fmt.Errorf("a stored version is damaged: %q", text)
	}
	for i, field := range fields {
		var err error
		if numbers[i], err = strconv.Atoi(field); err != nil {
			return model.Version{}, fmt.Errorf("a stored version is damaged: %w", err)
		}
	}
	return model.Version{Major: numbers[0], Minor: numbers[1], Revision: numbers[2], Protocol: numbers[3]}, nil
}
