package export

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"github.com/orrery-net/orrery/internal/table"
)

// workbook is a spreadsheet file: a sheet with the networks and, if members are
// exported, a sheet for each network with its members.
type workbook struct {
	book     *excelize.File // with all sheets but the rows of members
	pack     *zip.Writer    // the file
	packed   map[string]bool
	members  bool
	columns  []table.Column // of the members
	names    map[string]bool
	networks *sheet
	current  *page // of the network that came last
}

// page is the sheet with the members of a network. The library keeps up to 16 MiB
// of each sheet in memory until a book is written, the rest in a temporary file,
// so each page is made in a book of its own and goes to the file from there.
type page struct {
	book  *excelize.File
	sheet *sheet
	name  string
	path  string // in the file
}

const (
	sheetOfNetworks = "Networks"
	pathOfFirst     = "xl/worksheets/sheet1.xml"
)

func newWorkbook(out io.Writer, o Options) (*workbook, error) {
	w := &workbook{
		book: excelize.NewFile(), pack: zip.NewWriter(out), packed: make(map[string]bool),
		members: o.Members, columns: o.columns(), names: make(map[string]bool),
	}
	columns := o.columns()
	if o.Members {
		columns = table.Networks()
	}
	err := w.book.SetSheetName(w.book.GetSheetName(0), w.sheetName(sheetOfNetworks, ""))
	if err == nil {
		w.networks, err = newSheet(w.book, columns)
	}
	if err != nil {
		w.abort()
		return nil, err
	}
	return w, nil
}

func (w *workbook) write(ctx context.Context, r Row) (bool, error) {
	if r.Member != nil {
		if w.current == nil {
			return false, errors.New("a member came before its network")
		}
		return true, w.current.sheet.write(r.Member)
	}
	if err := w.networks.write(r.Network); err != nil || !w.members {
		return !w.members, err
	}
	if err := w.endPage(ctx); err != nil {
		return false, err
	}
	return false, w.newPage(w.sheetName(text(r.Network, "config.name"), text(r.Network, "id")))
}

func (w *workbook) newPage(name string) error {
	if _, err := w.book.NewSheet(name); err != nil {
		return err
	}
	p := &page{book: excelize.NewFile(), name: name, path: fmt.Sprintf("xl/worksheets/sheet%d.xml", w.book.SheetCount)}
	var err error
	if p.sheet, err = newSheet(p.book, w.columns); err != nil {
		_ = p.book.Close()
		return err
	}
	w.current = p
	return nil
}

func (w *workbook) endPage(ctx context.Context) error {
	p := w.current
	if p == nil {
		return nil
	}
	w.current = nil
	defer p.book.Close()
	if err := p.sheet.close(); err != nil {
		return err
	}
	if err := w.book.AutoFilter(p.name, p.sheet.area(), nil); err != nil { // its name is one of the whole book
		return err
	}
	w.packed[p.path] = true
	return w.packFrom(ctx, p.book, func(path string) (string, bool) { return p.path, path == pathOfFirst })
}

// packFrom takes parts of a book over into the file, by the path that pick gives
// them.
func (w *workbook) packFrom(ctx context.Context, book *excelize.File, pick func(path string) (string, bool)) error {
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return &packer{Writer: w.pack, ctx: ctx, pick: pick} })
	return book.Write(io.Discard)
}

// packer is what the library writes a book to.
type packer struct {
	*zip.Writer
	ctx  context.Context
	pick func(path string) (string, bool)
}

// Create begins a part.
func (p *packer) Create(path string) (io.Writer, error) {
	path, ok := p.pick(path)
	if !ok {
		return io.Discard, nil
	}
	part, err := p.Writer.Create(path)
	return untilDone{p.ctx, part}, err
}

// Close leaves the file open for what else belongs into it.
func (p *packer) Close() error { return nil }

func (w *workbook) close(ctx context.Context) error {
	if err := w.endPage(ctx); err != nil {
		return err
	}
	if err := w.networks.close(); err != nil {
		return err
	}
	if err := w.packFrom(ctx, w.book, func(path string) (string, bool) { return path, !w.packed[path] }); err != nil {
		return err
	}
	return errors.Join(w.pack.Close(), w.book.Close())
}

func (w *workbook) abort() {
	_ = w.book.Close()
	if w.current != nil {
		_ = w.current.book.Close()
	}
}

// untilDone refuses to write when its context has ended.
type untilDone struct {
	ctx context.Context
	to  io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.to.Write(p)
}

// sheetName makes a name for a sheet: what a user called the network as far as
// the rules for sheets allow it, with the id if it is taken.
func (w *workbook) sheetName(name, id string) string {
	clean := func(name string, most int) string {
		name = strings.Trim(strings.Map(func(r rune) rune {
			if strings.ContainsRune(`[]:*?/\'`, r) { // the library does not quote the last one in references
				return ' '
			}
			return r
		}, printable(name)), " ")
		units := utf16.Encode([]rune(name))
		if len(units) > most {
			name = strings.TrimRight(strings.TrimSuffix(string(utf16.Decode(units[:most])), "\ufffd"), " ")
		}
		return name
	}
	taken := func(name string) bool {
		return name == "" || strings.EqualFold(name, "History") || w.names[strings.ToLower(name)]
	}
	best := clean(name, excelize.MaxSheetNameLength)
	if taken(best) {
		best = clean(clean(name, excelize.MaxSheetNameLength-17)+" "+clean(id, 16), excelize.MaxSheetNameLength)
	}
	for n := 2; taken(best); n++ { // only if a server sends a network twice
		best = "Network " + strconv.Itoa(n)
	}
	w.names[strings.ToLower(best)] = true
	return best
}

// text is a field of an object as text.
func text(o table.Object, path string) string {
	return table.Column{Paths: []string{path}}.Text(o, table.Milliseconds)
}
