package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/table"
)

// A database has the tables network and member. Their columns have exactly the
// names of the exported columns, lastSeen for example, which SQL writes in double
// quotes. The key is id; a member also has its networkId. A table or column that
// is missing is made, and rows are updated by their key.

// relation is a table of a database.
type relation struct {
	name    string
	columns []table.Column // the first one is id
	times   table.Times
}

const (
	networkTable = "network"
	memberTable  = "member"
)

// relations are the tables that an export fills. With members it fills that of
// their networks too.
func (o Options) relations() ([]relation, error) {
	columns, name := o.columns(), networkTable
	var all []relation
	if o.Members {
		all = append(all, relation{networkTable, table.Networks(), o.Times})
		name = memberTable
		var err error
		if columns, err = withKey(columns, "networkId"); err != nil {
			return nil, err
		}
	}
	columns, err := withKey(columns, "id")
	return append(all, relation{name, columns, o.Times}), err
}

// withKey makes sure that a column is among others, as the first one.
func withKey(columns []table.Column, key string) ([]table.Column, error) {
	all := []table.Column{{Name: key, Paths: []string{key}}}
	names := map[string]bool{strings.ToLower(key): true}
	for _, c := range columns {
		if c.Name == key && c.Paths[0] == key {
			continue
		}
		lower := strings.ToLower(c.Name)
		switch {
		case lower == strings.ToLower(key):
			return nil, wrong("the column %s of a database is the key of the row; give %s another name, as other=%s", key, c.Paths[0], c.Paths[0])
		case names[lower]:
			return nil, wrong("two columns of a database cannot both be called %s; give one another name, as other=%s", c.Name, c.Paths[0])
		case len(c.Name) > 63 || strings.ContainsRune(c.Name, 0):
			return nil, wrong("%.70q cannot be the name of a column in a database; give it a shorter one, as NAME=PATH", c.Name)
		}
		names[lower] = true
		all = append(all, c)
	}
	return all, nil
}

// quote makes a name of SQL of any text without NUL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// names are the columns' names, each after a prefix, with commas.
func (r relation) names(prefix string) string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = prefix + quote(c.Name)
	}
	return strings.Join(names, ", ")
}

// onConflict is what becomes of a row that is there already.
func (r relation) onConflict() string {
	var set []string
	for _, c := range r.columns[1:] {
		set = append(set, quote(c.Name)+" = excluded."+quote(c.Name))
	}
	if set == nil {
		return `ON CONFLICT ("id") DO NOTHING`
	}
	return `ON CONFLICT ("id") DO UPDATE SET ` + strings.Join(set, ", ")
}

var errNoID = errors.New("the server sent a record without an id")

// cell is the text of a column's value as both databases read it, ok is false for
// NULL: nothing there, or not of the column's kind.
func (r relation) cell(c table.Column, o table.Object) (text string, ok bool) {
	value := c.Value(o)
	if value == nil {
		return "", false
	}
	switch c.Kind {
	case table.Time:
		t, ok := c.Moment(o)
		switch {
		case r.times == table.RFC3339:
			return c.Text(o, r.times), ok && t.Year() > 0 && t.Year() <= 9999
		case ok:
			return strconv.FormatInt(t.UnixMilli(), 10), true
		}
		return "0", value == json.Number("0") // never
	case table.Number:
		number, _ := value.(json.Number)
		return number.String(), isPlainNumber(number)
	case table.Bool:
		is, ok := value.(bool)
		return strconv.FormatBool(is), ok
	}
	return strings.ReplaceAll(c.Text(o, r.times), "\x00", "\ufffd"), true // which PostgreSQL cannot hold
}

// isPlainNumber reports whether a database has room for a number.
func isPlainNumber(n json.Number) bool {
	f, err := n.Float64()
	return err == nil && !math.IsInf(f, 0) && len(n) <= 100
}

// gone are the statements that delete what was not exported. seen gives the name
// of the table with the ids of a relation's rows that were.
func (o Options) gone(seen func(relation string) string) []string {
	if !o.Prune {
		return nil
	}
	missing := func(from, column, of string) string {
		return fmt.Sprintf(`DELETE FROM %s WHERE NOT EXISTS (SELECT 1 FROM %s s WHERE s."id" = %s.%s)`, quote(from), seen(of), quote(from), quote(column))
	}
	var all []string
	if o.Members {
		all = append(all, missing(memberTable, "id", memberTable)+
			fmt.Sprintf(` AND EXISTS (SELECT 1 FROM %s s WHERE s."id" = %s."networkId")`, seen(networkTable), quote(memberTable)))
		if o.Complete {
			all = append(all, missing(memberTable, "networkId", networkTable)+` AND "networkId" IS NOT NULL`)
		}
	}
	if o.Complete {
		all = append(all, missing(networkTable, "id", networkTable))
	}
	return all
}

// counter counts the rows that are exported, and those that are deleted.
type counter struct {
	count   int
	pruned  int
	members bool
}

func (c *counter) add(r Row) {
	if !c.members || r.Member != nil {
		c.count++
	}
}

func (c *counter) Count() int  { return c.count }
func (c *counter) Pruned() int { return c.pruned }
