package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// listing is a list that is read while it comes.
type listing struct {
	request
	one, many string // what its entries are
	most      int64  // bytes of an entry
}

// list streams the entries of an array. Only one of them is in memory at a time.
// A list that does not come to its end ends with an error.
func list[T any](ctx context.Context, c *Client, l listing, decode func(raw []byte) (*T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		l.method, l.repeatable, l.stream = "GET", true, true
		a, err := c.send(ctx, l.request)
		if err != nil {
			yield(nil, err)
			return
		}
		defer a.body.Close()
		r := &reader{body: a.body}
		count := 0
		fail := func(err error) { yield(nil, c.broke(ctx, l, count, err)) }
		begin, err := r.open(l.most)
		if err != nil {
			fail(err)
			return
		}
		if string(begin) != "[" || isPage(a.header, begin) {
			yield(nil, c.strange(l.request, a.header, begin))
			return
		}
		for entries := json.NewDecoder(r); ; count++ {
			if count == 0 {
				if _, err := entries.Token(); err != nil { // the bracket
					fail(err)
					return
				}
			}
			r.left = l.most
			if !entries.More() {
				if err := end(entries); err != nil {
					fail(err)
				}
				return
			}
			var raw json.RawMessage
			if err := entries.Decode(&raw); err != nil {
				fail(err)
				return
			}
			entry, err := decode(raw)
			if err != nil {
				fail(err)
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// end makes sure that an array ends, and the answer with it.
func end(entries *json.Decoder) error {
	if _, err := entries.Token(); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	switch _, err := entries.Token(); {
	case err == nil:
		return errTrailing
	case err != io.EOF:
		return err
	}
	return nil
}

var (
	errTooLong  = errors.New("too long")
	errTrailing = errors.New("something follows the list")
)

// broke explains why a list did not come to its end.
func (c *Client) broke(ctx context.Context, l listing, count int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", l.doing, context.Cause(ctx))
	}
	f := &failure{doing: l.doing}
	switch {
	case count == 0 && err == io.EOF:
		f.what = c.host + " answered with nothing"
	case errors.Is(err, errSilent):
		f.what = fmt.Sprintf("the answer broke off after %d %s: %s has said nothing for %d s; try again", count, l.many, c.host, int(maxSilence.Seconds()))
	case errors.Is(err, errTooLong):
		f.what = fmt.Sprintf("the answer is not usable after %d %s: the next %s has more than %d MiB", count, l.many, l.one, l.most>>20)
	case errors.Is(err, errTrailing), errors.Is(err, errStrange):
		f.what = fmt.Sprintf("the answer is not usable after %d %s: what follows is no %s", count, l.many, l.one)
	default:
		f.what = fmt.Sprintf("the answer broke off after %d %s; try again", count, l.many)
	}
	return f
}

// reader bounds what json.Decoder reads ahead, which by itself has no bound.
type reader struct {
	body     io.Reader
	buffered *bufio.Reader
	left     int64 // bytes that may yet be read; see list
}

// open returns the first byte that is no white space, without taking it.
func (r *reader) open(most int64) ([]byte, error) {
	r.left = most
	r.buffered = bufio.NewReaderSize(r.body, 32<<10)
	for ; r.left > 0; r.left-- {
		begin, err := r.buffered.Peek(1)
		if err != nil {
			return nil, err
		}
		switch begin[0] {
		case ' ', '\t', '\r', '\n':
			r.buffered.Discard(1)
		default:
			return begin, nil
		}
	}
	return nil, errTooLong
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errTooLong
	}
	n, err := r.buffered.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}
