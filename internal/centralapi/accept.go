package centralapi

import (
	"iter"
	"mime"
	"strconv"
	"strings"
)

// listForm is how a list is sent.
type listForm int

// The forms of a list, the best first where a client likes several alike.
const (
	asJSON listForm = iota
	asCSV
	asCSVWithoutHeader
)

// contentType is the form's media type, with the parameter header of RFC 4180 §3.
func (f listForm) contentType() string {
	switch f {
	case asCSV:
		return "text/csv; charset=utf-8; header=present"
	case asCSVWithoutHeader:
		return "text/csv; charset=utf-8; header=absent"
	}
	return "application/json"
}

// negotiate finds the form of a list that a client prefers (RFC 9110 §12.5.1): the one with
// the highest weight, of equals the one that was named more exactly, so that
// "text/csv, */*" is CSV and "*/*" is JSON. As Central, which answers whoever
// asks, a client that accepts none of them gets JSON too. The answer says to caches that it depends on this.
func (q *request) negotiate() listForm {
	q.w.Header().Add("Vary", "Accept")
	accept := strings.Join(q.r.Header.Values("Accept"), ",")
	if accept == "" || accept == "*/*" || accept == asJSON.contentType() {
		return asJSON
	}
	ranges := parseAccept(accept)
	best, liked := asJSON, preference{}
	for _, form := range []listForm{asJSON, asCSV, asCSVWithoutHeader} {
		if p := preferenceFor(form.contentType(), ranges); liked.less(p) {
			best, liked = form, p
		}
	}
	return best
}

// mediaRange is one entry of an Accept header.
type mediaRange struct {
	name       string // type/subtype, type/* or */*
	parameters map[string]string
	weight     float64
}

// parseAccept reads an Accept header, and passes over what it cannot read.
func parseAccept(header string) []mediaRange {
	var ranges []mediaRange
	for entry := range splitQuoted(header) {
		name, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		weight := 1.0
		if text, ok := parameters["q"]; ok {
			if weight, err = strconv.ParseFloat(text, 64); err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
			delete(parameters, "q")
		}
		ranges = append(ranges, mediaRange{name, parameters, weight})
	}
	return ranges
}

// splitQuoted goes through the entries of a list in a header, between commas that
// are not in quotes.
func splitQuoted(header string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(header); i++ {
			switch c := header[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case c == ',' && !quoted:
				if !yield(header[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(header[start:])
	}
}

// preference is how much a client likes a media type: the weight of the range
// that names it most exactly.
type preference struct {
	weight float64
	exact  int
}

func (p preference) less(other preference) bool {
	return p.weight < other.weight || p.weight == other.weight && p.weight > 0 && p.exact < other.exact
}

func preferenceFor(contentType string, ranges []mediaRange) preference {
	name, parameters, _ := mime.ParseMediaType(contentType) // is one
	kind, _, _ := strings.Cut(name, "/")
	var found preference
	for _, r := range ranges {
		exact := 0
		switch r.name {
		case name:
			exact = 3
		case kind + "/*":
			exact = 2
		case "*/*":
			exact = 1
		}
		if exact == 3 && !agrees(r.parameters, parameters) {
			continue
		}
		if exact == 3 {
			exact += len(r.parameters)
		}
		if exact > found.exact {
			found = preference{r.weight, exact}
		}
	}
	return found
}

// agrees says whether a type has what a range asks for. Parameters that the type
// does not have say nothing about it.
func agrees(asked, has map[string]string) bool {
	for name, value := range asked {
		if is, known := has[name]; known && !strings.EqualFold(is, value) {
			return false
		}
	}
	return true
}
